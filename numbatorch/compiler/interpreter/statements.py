"""Executing statements. A statement's outcome is None, BREAK, CONTINUE or Returned(value)."""

import ast
import importlib
import sys
import types

from ..errors import GraphBreak

BREAK, CONTINUE = object(), object()


class Returned:
    """The outcome of a return statement."""

    def __init__(self, value):
        self.value = value


class Statements:
    """The part of the interpreter that executes statements."""

    def execute_block(self, statements, frame):
        """Execute in order until one has an outcome."""
        for statement in statements:
            frame.line = statement.lineno
            method = getattr(self, f"execute_{type(statement).__name__}")
            outcome = method(statement, frame)
            if outcome is not None:
                return outcome
        return None

    def execute_Expr(self, node, frame):
        self.evaluate(node.value, frame)

    def execute_Pass(self, node, frame):
        pass

    execute_Global = execute_Nonlocal = execute_Pass

    def execute_Break(self, node, frame):
        return BREAK

    def execute_Continue(self, node, frame):
        return CONTINUE

    def execute_Return(self, node, frame):
        return Returned(None if node.value is None else self.evaluate(node.value, frame))

    # Assignment ---------------------------------------------------------------

    def execute_Assign(self, node, frame):
        value = self.evaluate(node.value, frame)
        for target in node.targets:
            self.assign(target, value, frame)

    def execute_AnnAssign(self, node, frame):
        if node.value is not None:
            self.assign(node.target, self.evaluate(node.value, frame), frame)

    def execute_AugAssign(self, node, frame):
        target, kind = node.target, type(node.op)
        if isinstance(target, ast.Name):
            old = self.evaluate_Name(target, frame)
            operand = self.evaluate(node.value, frame)
            self.assign(target, self.binary(kind, old, operand, inplace=True), frame)
        elif isinstance(target, ast.Attribute):
            object, name = self.evaluate(target.value, frame), frame.mangle(target.attr)
            old = self.get_attribute(object, name)
            operand = self.evaluate(node.value, frame)
            self.set_attribute(object, name, self.binary(kind, old, operand, inplace=True))
        else:
            object, key = self.evaluate(target.value, frame), self.evaluate(target.slice, frame)
            old = self.get_item(object, key)
            operand = self.evaluate(node.value, frame)
            self.set_item(object, key, self.binary(kind, old, operand, inplace=True))

    def assign(self, target, value, frame):
        """Bind a target (a name, attribute, item, or several of them) to a value."""
        if isinstance(target, ast.Name):
            self._assign_name(frame.mangle(target.id), value, frame)
        elif isinstance(target, ast.Attribute):
            object = self.evaluate(target.value, frame)
            frame.line = target.lineno
            self.set_attribute(object, frame.mangle(target.attr), value)
        elif isinstance(target, ast.Subscript):
            object, key = self.evaluate(target.value, frame), self.evaluate(target.slice, frame)
            frame.line = target.lineno
            self.set_item(object, key, value)
        elif isinstance(target, ast.Starred):
            self.assign(target.value, value, frame)
        else:
            for part, item in zip(target.elts, self._unpack(target.elts, value)):
                self.assign(part, item, frame)

    def _assign_name(self, name, value, frame):
        owner = frame.owner(name)
        if owner is not None:
            owner.variables[name] = value
        elif name in frame.environment.cells and not frame.declares_global(name):
            self.break_graph(f"assigns to the nonlocal variable {name!r} of an outside function")
            frame.environment.cells[name].cell_contents = value
        else:
            self.break_graph(f"assigns to the global variable {name!r}")
            frame.environment.globals[name] = value

    def _unpack(self, targets, value):
        """As many values as there are targets; ValueError, in Python's words, where it fails."""
        items = list(self.iterate(value))
        starred = [i for i, target in enumerate(targets) if isinstance(target, ast.Starred)]
        if not starred:
            if len(items) > len(targets):
                raise ValueError(f"too many values to unpack (expected {len(targets)})")
            if len(items) < len(targets):
                raise ValueError(
                    f"not enough values to unpack (expected {len(targets)}, got {len(items)})"
                )
            return items
        after = len(targets) - starred[0] - 1
        if len(items) < len(targets) - 1:
            raise ValueError(
                f"not enough values to unpack (expected at least {len(targets) - 1}, "
                f"got {len(items)})"
            )
        end = len(items) - after
        middle = self.make(items[starred[0] : end])
        return [*items[: starred[0]], middle, *items[end:]]

    def execute_Delete(self, node, frame):
        for target in node.targets:
            self._delete(target, frame)

    def _delete(self, target, frame):
        if isinstance(target, ast.Name):
            name = frame.mangle(target.id)
            owner = frame.owner(name)
            if owner is None:
                self.break_graph(f"deletes the variable {name!r} of an outside scope")
                del frame.environment.globals[name]
            elif name not in owner.variables:
                self.evaluate_Name(target, frame)
            else:
                del owner.variables[name]
        elif isinstance(target, ast.Attribute):
            self.delete_attribute(self.evaluate(target.value, frame), frame.mangle(target.attr))
        elif isinstance(target, ast.Subscript):
            object, key = self.evaluate(target.value, frame), self.evaluate(target.slice, frame)
            self.delete_item(object, key)
        else:
            for part in target.elts:
                self._delete(part, frame)

    # Control flow -------------------------------------------------------------

    def execute_If(self, node, frame):
        chosen = node.body if self.truth(self.evaluate(node.test, frame)) else node.orelse
        return self.execute_block(chosen, frame)

    def execute_While(self, node, frame):
        while self.truth(self.evaluate(node.test, frame)):
            outcome = self.execute_block(node.body, frame)
            if outcome is BREAK:
                return None
            if isinstance(outcome, Returned):
                return outcome
            frame.line = node.lineno
        return self.execute_block(node.orelse, frame)

    def execute_For(self, node, frame):
        for item in self.iterate(self.evaluate(node.iter, frame)):
            self.assign(node.target, item, frame)
            outcome = self.execute_block(node.body, frame)
            if outcome is BREAK:
                return None
            if isinstance(outcome, Returned):
                return outcome
            frame.line = node.lineno
        return self.execute_block(node.orelse, frame)

    def execute_Match(self, node, frame):
        subject = self.evaluate(node.subject, frame)
        for case in node.cases:
            if self.matches(case.pattern, subject, frame) and (
                case.guard is None or self.truth(self.evaluate(case.guard, frame))
            ):
                return self.execute_block(case.body, frame)
        return None

    # Exceptions ---------------------------------------------------------------

    def execute_Raise(self, node, frame):
        if node.exc is None:
            if not frame.handled:
                raise RuntimeError("No active exception to reraise")
            raise frame.handled[-1]
        error = self.evaluate(node.exc, frame)
        if isinstance(error, type):
            error = self.call(error, (), {})
        if node.cause is not None:
            raise error from self.evaluate(node.cause, frame)
        raise error

    def execute_Assert(self, node, frame):
        if not self.truth(self.evaluate(node.test, frame)):
            raise AssertionError(*([] if node.msg is None else [self.evaluate(node.msg, frame)]))

    def execute_Try(self, node, frame):
        try:
            outcome = self._try_handlers(node, frame)
        except GraphBreak:
            raise
        except BaseException:
            outcome = self.execute_block(node.finalbody, frame)
            if outcome is not None:
                return outcome  # a return in `finally` drops the exception
            raise
        final = self.execute_block(node.finalbody, frame)
        return outcome if final is None else final

    def _try_handlers(self, node, frame):
        try:
            outcome = self.execute_block(node.body, frame)
        except GraphBreak:
            raise
        except BaseException as error:
            handler = self._handler_of(error, node.handlers, frame)
            if handler is None:
                raise
            return self._handle(handler, error, frame)
        return self.execute_block(node.orelse, frame) if outcome is None else outcome

    def _handler_of(self, error, handlers, frame):
        for handler in handlers:
            if handler.type is None:
                return handler
            if isinstance(error, self.evaluate(handler.type, frame)):
                return handler
        return None

    def _handle(self, handler, error, frame):
        frame.handled.append(error)
        if handler.name:
            frame.variables[handler.name] = error
        try:
            return self.execute_block(handler.body, frame)
        finally:
            frame.handled.pop()
            if handler.name:
                frame.variables.pop(handler.name, None)

    # Context managers -----------------------------------------------------------

    def execute_With(self, node, frame):
        return self._with(node.items, node.body, frame)

    def _with(self, items, body, frame):
        if not items:
            return self.execute_block(body, frame)
        item, *rest = items
        manager = self.evaluate(item.context_expr, frame)
        enter, leave = self.manager_methods(manager)
        value = self.call(enter, (), {})
        try:
            if item.optional_vars is not None:
                self.assign(item.optional_vars, value, frame)
            outcome = self._with(rest, body, frame)
        except BaseException as error:
            if isinstance(error, GraphBreak):
                leave(type(error), error, error.__traceback__)
                raise
            if self.truth(self.call(leave, (type(error), error, error.__traceback__), {})):
                return None
            raise
        self.call(leave, (None, None, None), {})
        return outcome

    def manager_methods(self, manager):
        """The bound __enter__ and __exit__ of a context manager."""
        methods = []
        for name in ("__enter__", "__exit__"):
            method = self.user_method(manager, name)
            if method is None:
                raw = getattr(type(manager), name, None)
                if raw is None:
                    raise TypeError(
                        f"'{type(manager).__name__}' object does not support the context manager "
                        "protocol"
                    )
                method = types.MethodType(raw, manager)
            methods.append(method)
        return methods

    # Definitions ----------------------------------------------------------------

    def execute_FunctionDef(self, node, frame):
        decorators = [self.evaluate(decorator, frame) for decorator in node.decorator_list]
        function = self.make_function(node, node.name, frame)
        for decorator in reversed(decorators):
            function = self.call(decorator, (function,), {})
        self._assign_name(frame.mangle(node.name), function, frame)

    def execute_Import(self, node, frame):
        for alias in node.names:
            module = self._imported(alias.name, frame)
            if not alias.asname:
                module = sys.modules[alias.name.partition(".")[0]]
            name = alias.asname or alias.name.partition(".")[0]
            self._assign_name(name, module, frame)

    def execute_ImportFrom(self, node, frame):
        package = frame.environment.globals.get("__package__") or ""
        name = importlib.util.resolve_name("." * node.level + (node.module or ""), package)
        module = self._imported(name, frame)
        for alias in node.names:
            if alias.name != "*" and not hasattr(module, alias.name):
                self._imported(f"{name}.{alias.name}", frame)
            value = self.get_attribute(module, alias.name)
            self._assign_name(alias.asname or alias.name, value, frame)

    def _imported(self, name, frame):
        if name not in sys.modules:
            self.break_graph(f"imports {name}")
            importlib.import_module(name)
        return sys.modules[name]
