"""Evaluating expressions: one method for each kind of syntax node, named after it."""

import ast

from ...tensor import Tensor
from .frames import Frame
from .functions import InterpretedFunction, contains_tensor


class Expressions:
    """The part of the interpreter that evaluates expressions."""

    def evaluate(self, node, frame):
        """The value of an expression."""
        return getattr(self, f"evaluate_{type(node).__name__}")(node, frame)

    def evaluate_Constant(self, node, frame):
        return node.value

    def evaluate_Name(self, node, frame):
        name = frame.mangle(node.id)
        owner = frame.owner(name)
        if owner is not None:
            if name in owner.variables:
                return owner.variables[name]
            if owner is frame:
                raise UnboundLocalError(
                    f"cannot access local variable '{name}' where it is not associated with a value"
                )
            raise NameError(
                f"cannot access free variable '{name}' where it is not associated with a value in "
                "enclosing scope"
            )
        if name in frame.environment.cells and not frame.declares_global(name):
            return frame.environment.cell(name)
        return frame.environment.global_variable(name)

    def evaluate_Attribute(self, node, frame):
        value = self.evaluate(node.value, frame)
        frame.line = node.lineno
        return self.get_attribute(value, frame.mangle(node.attr))

    def evaluate_Subscript(self, node, frame):
        value = self.evaluate(node.value, frame)
        key = self.evaluate(node.slice, frame)
        frame.line = node.lineno
        return self.get_item(value, key)

    def evaluate_Slice(self, node, frame):
        parts = (node.lower, node.upper, node.step)
        return slice(*[None if part is None else self.evaluate(part, frame) for part in parts])

    # Operators --------------------------------------------------------------

    def evaluate_BinOp(self, node, frame):
        left, right = self.evaluate(node.left, frame), self.evaluate(node.right, frame)
        frame.line = node.lineno
        return self.binary(type(node.op), left, right)

    def evaluate_UnaryOp(self, node, frame):
        operand = self.evaluate(node.operand, frame)
        frame.line = node.lineno
        return self.unary(type(node.op), operand)

    def evaluate_BoolOp(self, node, frame):
        wanted = isinstance(node.op, ast.Or)
        for part in node.values[:-1]:
            value = self.evaluate(part, frame)
            if self.truth(value) is wanted:
                return value
        return self.evaluate(node.values[-1], frame)

    def evaluate_Compare(self, node, frame):
        left = self.evaluate(node.left, frame)
        for i, (operation, part) in enumerate(zip(node.ops, node.comparators)):
            right = self.evaluate(part, frame)
            frame.line = node.lineno
            result = self.compare(type(operation), left, right)
            if i == len(node.ops) - 1 or not self.truth(result):
                return result
            left = right
        return result

    def evaluate_IfExp(self, node, frame):
        chosen = node.body if self.truth(self.evaluate(node.test, frame)) else node.orelse
        return self.evaluate(chosen, frame)

    def evaluate_NamedExpr(self, node, frame):
        value = self.evaluate(node.value, frame)
        self.assign(node.target, value, frame.function_frame())
        return value

    # Displays ---------------------------------------------------------------

    def _items(self, nodes, frame):
        """The values of a list of expressions, starred ones spread out."""
        items = []
        for node in nodes:
            if isinstance(node, ast.Starred):
                items.extend(self.iterate(self.evaluate(node.value, frame)))
            else:
                items.append(self.evaluate(node, frame))
        return items

    def evaluate_Tuple(self, node, frame):
        return self.make(tuple(self._items(node.elts, frame)))

    def evaluate_List(self, node, frame):
        return self.make(self._items(node.elts, frame))

    def evaluate_Set(self, node, frame):
        return self.make(set(self._items(node.elts, frame)))

    def evaluate_Dict(self, node, frame):
        result = {}
        for key, value in zip(node.keys, node.values):
            if key is None:
                mapping = self.evaluate(value, frame)
                result.update(self.mapping_items(mapping))
            else:
                key = self.evaluate(key, frame)
                result[key] = self.evaluate(value, frame)
        return self.make(result)

    # Comprehensions -----------------------------------------------------------

    def evaluate_ListComp(self, node, frame):
        return self.make(list(self._comprehend(node, frame, node.elt)))

    def evaluate_SetComp(self, node, frame):
        return self.make(set(self._comprehend(node, frame, node.elt)))

    def evaluate_DictComp(self, node, frame):
        pair = ast.Tuple([node.key, node.value], ast.Load())
        return self.make(dict(self._comprehend(node, frame, pair)))

    def evaluate_GeneratorExp(self, node, frame):
        return self.make(self._comprehend(node, frame, node.elt))

    def _comprehend(self, node, frame, element):
        """A generator of the values of `element`; the first iterable is evaluated at once."""
        first = self.iterate(self.evaluate(node.generators[0].iter, frame))
        inner = Frame(node, frame.definition, frame.environment, frame)
        inner.is_function = False
        return self._generate(node.generators, first, element, inner)

    def _generate(self, generators, iterator, element, frame):
        generator, *rest = generators
        if generator.is_async:
            self.break_graph("asynchronous comprehensions are not supported")
        for item in iterator:
            with self.inside(frame):
                self.assign(generator.target, item, frame)
                if not all(self.truth(self.evaluate(test, frame)) for test in generator.ifs):
                    continue
                if rest:
                    below = self.iterate(self.evaluate(rest[0].iter, frame))
                else:
                    value = self.evaluate(element, frame)
            if rest:
                yield from self._generate(rest, below, element, frame)
            else:
                yield value

    # Text -------------------------------------------------------------------

    def evaluate_JoinedStr(self, node, frame):
        return "".join([self.evaluate(part, frame) for part in node.values])

    def evaluate_FormattedValue(self, node, frame):
        value = self.evaluate(node.value, frame)
        form = "" if node.format_spec is None else self.evaluate(node.format_spec, frame)
        frame.line = node.lineno
        if node.conversion != -1:
            convert = {"s": str, "r": repr, "a": ascii}[chr(node.conversion)]
            value = self.call(convert, (value,), {})
        return self.format(value, form)

    def format(self, value, form=""):
        """format(value, form), which must not look into tensors."""
        if contains_tensor(value):
            self.break_graph("the value of a tensor is turned into text")
        return self.native(format, (value, form), {})

    # Functions and calls ------------------------------------------------------

    def evaluate_Lambda(self, node, frame):
        return self.make_function(node, "<lambda>", frame)

    def make_function(self, node, name, frame):
        """The function that a `def` or `lambda` makes here."""
        arguments = node.args
        defaults = tuple([self.evaluate(default, frame) for default in arguments.defaults])
        keyword_defaults = {
            argument.arg: self.evaluate(default, frame)
            for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults)
            if default is not None
        }
        function = InterpretedFunction(self, node, name, frame, defaults, keyword_defaults)
        return self.make(function)

    def evaluate_Call(self, node, frame):
        function = self.evaluate(node.func, frame)
        if function is super and not node.args:
            return self._super(frame)
        args = tuple(self._items(node.args, frame))
        kwargs = {}
        for keyword in node.keywords:
            value = self.evaluate(keyword.value, frame)
            new = {keyword.arg: value} if keyword.arg else dict(self.mapping_items(value))
            for name in new:
                if name in kwargs:
                    raise TypeError(
                        f"{getattr(function, '__qualname__', function)}() got multiple values for "
                        f"keyword argument '{name}'"
                    )
            kwargs.update(new)
        frame.line = node.lineno
        return self.call(function, args, kwargs)

    def _super(self, frame):
        """super() without arguments: the class that the text stands in, and the first argument."""
        frame = frame.function_frame()
        arguments = frame.function_node.args
        first = (*arguments.posonlyargs, *arguments.args)
        name = first[0].arg if first else arguments.vararg.arg
        value = frame.variables[name]
        return super(frame.environment.cell("__class__"), value if first else value[0])

    def truth(self, value):
        """bool(value), which must not look into a tensor."""
        if isinstance(value, Tensor):
            self.break_graph("a branch depends on the value of a tensor")
            return bool(value)
        for name in ("__bool__", "__len__"):
            method = self.user_method(value, name)
            if method is not None:
                return bool(self.call(method, (), {}))
        self.guards.structure(value)
        return bool(value)
