"""Sources: how an object outside the compiled function is reached again, as a Python expression.

The expression is made of `args`, `kwargs` and names that a namespace binds to objects which the
compiled step holds on to: `args[0]`, `globals_train["model"].layers[2]`.
"""

import ast
import re


class Source:
    """A path to an object. Two sources with the same expression are equal."""

    parent = None

    def __init__(self, expression):
        self.expression = expression

    def __str__(self):
        return self.expression

    def __repr__(self):
        return f"<source {self.expression}>"

    def __eq__(self, other):
        return isinstance(other, Source) and self.expression == other.expression

    def __hash__(self):
        return hash(self.expression)

    @property
    def root(self):
        """The source where the path starts."""
        source = self
        while source.parent is not None:
            source = source.parent
        return source

    @property
    def from_arguments(self):
        """Whether the path starts at the arguments of the call."""
        return isinstance(self.root, Argument)

    def attribute(self, name):
        return Attribute(self, name)

    def item(self, key, text=None):
        """The item at `key`; `text` is the key in the expression where its repr will not do."""
        return Item(self, repr(key) if text is None else text)

    def variable(self):
        """A name for a local variable that holds the object."""
        return re.sub(r"\W+", "_", self.expression).strip("_")

    def getter(self, namespace):
        """A function get(args, kwargs) that follows the path."""
        return Getter(self.expression, namespace)


class Argument(Source):
    """`args` or `kwargs`."""


class Held(Source):
    """An object that the namespace binds to a name."""


class Attribute(Source):
    """parent.name"""

    def __init__(self, parent, name):
        super().__init__(f"{parent.expression}.{name}")
        self.parent = parent


class Item(Source):
    """parent[key]"""

    def __init__(self, parent, key):
        super().__init__(f"{parent.expression}[{key}]")
        self.parent = parent


ARGS = Argument("args")
KWARGS = Argument("kwargs")


class Getter:
    """get(args, kwargs) follows a path; generated code may write out its `expression` instead.

    `names` says what names in it mean, apart from `args` and `kwargs`.
    """

    def __init__(self, expression, namespace):
        self.expression = expression
        self.follow = eval(f"lambda args, kwargs: {expression}", namespace)
        used = {node.id for node in ast.walk(ast.parse(expression)) if isinstance(node, ast.Name)}
        self.names = {name: namespace[name] for name in used - {"args", "kwargs"}}

    def __call__(self, args, kwargs):
        return self.follow(args, kwargs)
