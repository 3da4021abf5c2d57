"""The frame of a function that is being interpreted: its variables and where names lead."""

import builtins

from ..sources import Source
from .scopes import scope_of


class Frame:
    """The variables of one call; `parent` is the frame around a nested function, by the text."""

    def __init__(self, node, definition, environment, parent=None):
        self.scope = scope_of(node)
        self.definition = definition  # of the function that the text belongs to
        self.environment = environment  # globals and cells of the outermost real function
        self.parent = parent
        self.variables = {}
        self.is_function = True
        self.line = node.lineno
        self.handled = []  # exceptions that `raise` alone raises again

    @property
    def filename(self):
        return self.definition.filename

    def mangle(self, name):
        """A private name __x as it is called outside its class."""
        around = self.definition.class_name
        if not around or not name.startswith("__") or name.endswith("__") or "." in name:
            return name
        return f"_{around.lstrip('_')}{name}"

    def owner(self, name):
        """The frame that holds the variable, None where it is no variable of these functions."""
        frame = self
        while frame is not None:
            if name in frame.scope.declared_global:
                return None
            if name in frame.scope.local:
                return frame
            frame = frame.parent
        return None

    def declares_global(self, name):
        frame = self
        while frame is not None:
            if name in frame.scope.declared_global:
                return True
            if name in frame.scope.local:
                return False
            frame = frame.parent
        return False

    def function_frame(self):
        """The frame of the function that a comprehension stands in."""
        frame = self
        while not frame.is_function:
            frame = frame.parent
        return frame


class Environment:
    """What a real Python function brings along: its cells and the globals of its module."""

    def __init__(self, function, guards):
        self.function = function
        self.globals = function.__globals__
        self.cells = dict(zip(function.__code__.co_freevars, function.__closure__ or ()))
        module = self.globals.get("__name__", "module").rpartition(".")[2]
        self.globals_name = f"globals_{module.strip('_')}"
        self.guards = guards

    def cell(self, name):
        """The content of a closure cell; NameError where it is empty."""
        cell = self.cells[name]
        try:
            value = cell.cell_contents
        except ValueError:
            raise NameError(
                f"cannot access free variable '{name}' where it is not associated with a value in "
                "enclosing scope"
            ) from None
        source = self.guards.constant(cell, f"closure_{name}").attribute("cell_contents")
        return self.guards.reach(value, source)

    def global_variable(self, name):
        """A global, or else a builtin; NameError where there is neither."""
        guards = self.guards
        if name in self.globals:
            source = guards.constant(self.globals, self.globals_name).item(name)
            return guards.reach(self.globals[name], source)
        found = self.globals.get("__builtins__", builtins)
        found = found if isinstance(found, dict) else vars(found)
        if name not in found:
            raise NameError(f"name '{name}' is not defined")
        guards.absent(self.globals, name, self.globals_name)
        source: Source = guards.constant(found, "builtins").item(name)
        return guards.reach(found[name], source)
