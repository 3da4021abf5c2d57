"""Operators on values: natively, or through the methods that a user's class gives."""

import ast
import operator
import types
from collections import deque

from ...tensor import Tensor

#: Syntax -> (name of the method, function, in-place function).
BINARY = {
    ast.Add: ("add", operator.add, operator.iadd),
    ast.Sub: ("sub", operator.sub, operator.isub),
    ast.Mult: ("mul", operator.mul, operator.imul),
    ast.Div: ("truediv", operator.truediv, operator.itruediv),
    ast.FloorDiv: ("floordiv", operator.floordiv, operator.ifloordiv),
    ast.Mod: ("mod", operator.mod, operator.imod),
    ast.Pow: ("pow", operator.pow, operator.ipow),
    ast.MatMult: ("matmul", operator.matmul, operator.imatmul),
    ast.BitAnd: ("and", operator.and_, operator.iand),
    ast.BitOr: ("or", operator.or_, operator.ior),
    ast.BitXor: ("xor", operator.xor, operator.ixor),
    ast.LShift: ("lshift", operator.lshift, operator.ilshift),
    ast.RShift: ("rshift", operator.rshift, operator.irshift),
}
UNARY = {
    ast.USub: ("__neg__", operator.neg),
    ast.UAdd: ("__pos__", operator.pos),
    ast.Invert: ("__invert__", operator.invert),
}
#: Syntax -> (method, the other operand's method, function).
COMPARISONS = {
    ast.Eq: ("__eq__", "__eq__", operator.eq),
    ast.NotEq: ("__ne__", "__ne__", operator.ne),
    ast.Lt: ("__lt__", "__gt__", operator.lt),
    ast.LtE: ("__le__", "__ge__", operator.le),
    ast.Gt: ("__gt__", "__lt__", operator.gt),
    ast.GtE: ("__ge__", "__le__", operator.ge),
}
#: Containers whose in-place operators change them.
MUTABLE = (list, dict, set, deque, bytearray)
#: Operands of which Python's operators read nothing but their value.
SCALARS = (type(None), bool, int, float, complex, str, bytes)


class Operators:
    """The part of the interpreter that computes operators."""

    def binary(self, kind, left, right, inplace=False):
        """left op right; left op= right with `inplace`."""
        name, function, inplace_function = BINARY[kind]
        if inplace and isinstance(left, MUTABLE):
            self.check_made(left, f"changes an outside {type(left).__name__} in place")
        if name == "mod" and isinstance(left, str):
            return self.native(operator.mod, (left, self.textual(right)), {})
        methods = [(left, f"__{name}__", right), (right, f"__r{name}__", left)]
        if type(left) is type(right):
            methods.pop()
        elif issubclass(type(right), type(left)):
            methods.reverse()
        if inplace:
            methods.insert(0, (left, f"__i{name}__", right))
        if any(self.user_method(owner, method) is not None for owner, method, _ in methods):
            return self._dispatch(methods, function.__name__, left, right)
        function = inplace_function if inplace else function
        return self.native_operation(function, left, right)

    def _dispatch(self, methods, symbol, left, right):
        """Ask the operands' methods in turn, as Python does where a class is the user's."""
        for owner, name, other in methods:
            method = self.user_method(owner, name)
            if method is None:
                raw = getattr(type(owner), name, None)
                method = None if raw is None else types.MethodType(raw, owner)
            if method is None:
                continue
            result = self.call(method, (other,), {})
            if result is not NotImplemented:
                return result
        raise TypeError(
            f"unsupported operand type(s) for {symbol}: '{type(left).__name__}' and "
            f"'{type(right).__name__}'"
        )

    def native_operation(self, function, *operands):
        """An operator on values whose classes are not the user's."""
        if all(isinstance(x, Tensor) or type(x) in SCALARS for x in operands):
            return function(*operands)
        result = self.native(function, operands, {})
        return result if isinstance(result, bool) else self.make(result)

    def unary(self, kind, operand):
        if kind is ast.Not:
            return not self.truth(operand)
        name, function = UNARY[kind]
        method = self.user_method(operand, name)
        return self.native_operation(function, operand) if method is None else self.call(method)

    def compare(self, kind, left, right):
        """One comparison of a chain."""
        if kind is ast.Is:
            return left is right
        if kind is ast.IsNot:
            return left is not right
        if kind in (ast.In, ast.NotIn):
            found = self.contains(right, left)
            return found if kind is ast.In else not found
        name, reflected, function = COMPARISONS[kind]
        methods = [(left, name, right), (right, reflected, left)]
        if type(left) is not type(right) and issubclass(type(right), type(left)):
            methods.reverse()
        for owner, method_name, other in methods:
            method = self.user_method(owner, method_name)
            if method is not None:
                result = self.call(method, (other,), {})
                if result is not NotImplemented:
                    return result
        if kind is ast.NotEq and self.user_method(left, "__eq__") is not None:
            return not self.truth(self.compare(ast.Eq, left, right))
        return self.native_operation(function, left, right)

    def contains(self, container, item):
        """item in container"""
        method = self.user_method(container, "__contains__")
        if method is not None:
            return self.truth(self.call(method, (item,), {}))
        if self.user_method(container, "__iter__") is not None:
            return any(
                x is item or self.truth(self.compare(ast.Eq, x, item))
                for x in self.iterate(container)
            )
        if isinstance(container, Tensor):
            self.break_graph("a branch depends on the value of a tensor")
        return self.native(operator.contains, (container, item), {})
