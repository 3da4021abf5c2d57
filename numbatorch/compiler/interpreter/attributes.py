"""Attributes and items: where values come from, and what may be changed."""

import builtins
import functools
import operator
import types
from collections import defaultdict

from ...autograd.function import Function, FunctionCtx
from ...nn.modules.module import Module
from ...tensor import Tensor
from ..conditions import EXACT_REPR
from ..guards import MAPPINGS, SEQUENCES, handler_of
from .functions import InterpretedFunction, find_descriptor
from .tables import OPAQUE_TENSOR_ATTRIBUTES, is_user_class, is_user_function
from .traced_number import TracedNumber


def _holds(object, name, value):
    """Whether an object's own attribute, a module's in a registry perhaps, is this very value."""
    own = vars(object) if hasattr(object, "__dict__") else {}
    places = [own]
    if isinstance(object, Module):
        places += [own[registry] for registry in ("_parameters", "_buffers", "_modules")]
    return not isinstance(object, type) and any(
        name in place and place[name] is value for place in places
    )


#: What a class holds of an attribute that __slots__ or C code keeps.
_MEMBERS = (types.MemberDescriptorType, types.GetSetDescriptorType)


class Attributes:
    """The part of the interpreter that reads and writes attributes and items."""

    # Classes ----------------------------------------------------------------

    def find_in_class(self, cls, name):
        """What `cls` or a base class holds under a name, guarded where the class is the user's."""
        raw, owner = find_descriptor(cls, name)
        if owner is not None and is_user_class(owner) and not self._is_made(owner):
            source = self.guards.constant(owner, owner.__name__).attribute("__dict__").item(name)
            self.guards.reach(raw, source)
        return raw, owner

    def user_method(self, value, name):
        """The bound method that a user's class gives for a special name, or None."""
        cls = type(value)
        if not is_user_class(cls) or cls is InterpretedFunction:
            return None
        raw, _ = self.find_in_class(cls, name)
        return types.MethodType(raw, value) if is_user_function(raw) else None

    # Reading ----------------------------------------------------------------

    def get_attribute(self, object, name):
        """object.name"""
        if isinstance(object, Tensor):
            return self._tensor_attribute(object, name)
        if isinstance(object, types.ModuleType):
            value = getattr(object, name)
            source = self.guards.constant(object, object.__name__.rpartition(".")[2])
            return self.guards.reach(value, source.attribute(name))
        if isinstance(object, type):
            return self._class_attribute(object, name)
        cls = type(object)
        if is_user_function(find_descriptor(cls, "__getattribute__")[0]):
            self.break_graph(f"{cls.__name__} overrides __getattribute__")
            return getattr(object, name)
        try:
            return self._instance_attribute(object, cls, name)
        except AttributeError:
            raw, _ = self.find_in_class(cls, "__getattr__")
            if not is_user_function(raw):
                raise
        return self.call(raw, (object, name), {})

    def _instance_attribute(self, object, cls, name):
        raw, owner = self.find_in_class(cls, name)
        if isinstance(raw, property):
            if is_user_function(raw.fget):
                return self.call(raw.fget, (object,), {})
            return self.native(getattr, (object, name), {})
        own = getattr(object, "__dict__", None)
        if isinstance(raw, _MEMBERS) or (own is not None and name in own) or owner is None:
            return self._own_attribute(object, name)
        if is_user_class(cls) and not self.guards.holds_module(object):
            self.guards.attribute_absent(object, name)
        if isinstance(raw, types.FunctionType):
            return types.MethodType(raw, object)
        if isinstance(raw, staticmethod):
            return raw.__func__
        if isinstance(raw, classmethod):
            return types.MethodType(raw.__func__, cls)
        if isinstance(raw, functools.cached_property) and is_user_function(raw.func):
            self.check_made(object, f"computes the cached property {name!r} of an outside object")
            value = vars(object)[name] = self.call(raw.func, (object,), {})
            return value
        getter = find_descriptor(type(raw), "__get__")[0]
        if is_user_function(getter):
            return self.call(getter, (raw, object, cls), {})
        if getter is not None:
            return getattr(object, name)  # a method of a class written in C
        if is_user_class(owner):
            source = self.guards.constant(owner, owner.__name__).attribute(name)
            return self.guards.reach(raw, source)
        return raw

    def _own_attribute(self, object, name):
        """An attribute that the object itself holds (a module perhaps in a registry)."""
        if type(object) is super:
            return self.native(getattr, (object, name), {})
        raw, _ = find_descriptor(type(object), "__getattr__")
        if is_user_function(raw):
            value = builtins.object.__getattribute__(object, name)
        else:
            value = getattr(object, name)
        source = self.guards.source_of(object)
        if source is None or isinstance(value, types.BuiltinMethodType):
            return value
        self.guards.check_unmoved(object)
        covered = self.guards.holds_module(object)
        return self.guards.reach(value, source.attribute(name), covered)

    def _class_attribute(self, cls, name):
        """An attribute of a class itself."""
        raw, owner = self.find_in_class(cls, name)
        if issubclass(cls, Function) and name == "apply":
            for part in ("forward", "backward", "setup_context"):
                self.find_in_class(cls, part)
        if owner is None or not is_user_class(owner):
            return getattr(cls, name)
        if isinstance(raw, classmethod):
            return types.MethodType(raw.__func__, cls)
        if isinstance(raw, staticmethod):
            return raw.__func__
        return getattr(cls, name) if find_descriptor(type(raw), "__get__")[0] else raw

    def _tensor_attribute(self, tensor, name):
        if name in OPAQUE_TENSOR_ATTRIBUTES:
            self.break_graph(f"{name!r} of a tensor is about its memory")
            return getattr(tensor, name)
        raw, _ = self.find_in_class(type(tensor), name)
        if isinstance(raw, property) and is_user_function(raw.fget):
            return self.call(raw.fget, (tensor,), {})
        value = getattr(tensor, name)
        source = self.guards.source_of(tensor)
        own = source is not None and name in vars(tensor)
        return self.guards.reach(value, source.attribute(name)) if own else value

    # Writing ----------------------------------------------------------------

    def set_attribute(self, object, name, value):
        """object.name = value"""
        if isinstance(object, Tensor):
            self._check_tensor_store(object, name)
        elif not self._is_made(object):
            if _holds(object, name, value):
                return
            self.break_graph(f"sets the attribute {name!r} of {self.describe(object)}")
        raw, _ = self.find_in_class(type(object), name)
        if isinstance(raw, property) and is_user_function(raw.fset):
            self.call(raw.fset, (object, value), {})
            return
        setter, _ = find_descriptor(type(object), "__setattr__")
        if is_user_function(setter):
            self.call(setter, (object, name, value), {})
        else:
            self.native(setattr, (object, name, value), {}, storing=True)

    def _check_tensor_store(self, tensor, name):
        if name in ("grad", "_grad"):
            return
        source = self.guards.source_of(tensor)
        if name == "data" or source is not None:
            self.break_graph(f"sets the attribute {name!r} of a tensor")

    def delete_attribute(self, object, name):
        """del object.name"""
        if not (isinstance(object, Tensor) and name == "grad"):
            self.check_made(object, f"deletes the attribute {name!r} of an outside object")
        self.native(delattr, (object, name), {})

    # Items ------------------------------------------------------------------

    def get_item(self, object, key):
        """object[key]"""
        if isinstance(key, TracedNumber):
            key = key.use()
        if isinstance(object, Tensor):
            return self.native(operator.getitem, (object, key), {})
        method = self.user_method(object, "__getitem__")
        if method is not None:
            return self.call(method, (key,), {})
        if isinstance(key, Tensor) and isinstance(object, SEQUENCES):
            self.break_graph("the value of a tensor is used by Python")
        source = self.guards.source_of(object)
        if source is not None and isinstance(object, (*SEQUENCES, *MAPPINGS)):
            return self._outside_item(object, key, source)
        if isinstance(object, type):
            return self.native(operator.getitem, (object, key), {})
        missing = isinstance(object, defaultdict) and key not in object
        value = self.native(operator.getitem, (object, key), {}, storing=True)
        return self.make(value) if isinstance(key, slice) or missing else value

    def _outside_item(self, object, key, source):
        self.guards.check_unmoved(object)
        if isinstance(key, slice):
            self.guards.deep(object)
            return self.make(object[key])
        if isinstance(object, MAPPINGS) and key not in object:
            self.guards.structure(object)
            if isinstance(object, defaultdict):
                self.break_graph(f"adds an item to {self.describe(object)}")
            return self.native(operator.getitem, (object, key), {})
        value = object[key]
        text = repr(key) if type(key) in EXACT_REPR else self.guards.bind(key, "key")
        return self.guards.reach(value, source.item(key, text))

    def set_item(self, object, key, value):
        """object[key] = value"""
        method = self.user_method(object, "__setitem__")
        if method is not None:
            self.call(method, (key, value), {})
            return
        if not isinstance(object, Tensor):
            self.check_made(object, f"sets an item of {self.describe(object)}")
        self.native(operator.setitem, (object, key, value), {}, storing=True)

    def delete_item(self, object, key):
        """del object[key]"""
        method = self.user_method(object, "__delitem__")
        if method is not None:
            self.call(method, (key,), {})
            return
        self.check_made(object, f"deletes an item of {self.describe(object)}")
        self.native(operator.delitem, (object, key), {})

    # Iterating ----------------------------------------------------------------

    def iterate(self, value):
        """A Python iterator over the items of `value`."""
        if isinstance(value, Tensor):
            return self.native(iter, (value,), {})
        method = self.user_method(value, "__iter__")
        if method is not None:
            iterator = self.call(method, (), {})
            if self.user_method(iterator, "__next__") is None:
                return self.iterate(iterator)
            return self._user_iterator(iterator)
        if self.user_method(value, "__getitem__") is not None and not hasattr(value, "__iter__"):
            return self._by_index(value)
        source = self.guards.source_of(value)
        if source is None or isinstance(value, str | bytes | range | Module):
            return self._native_iterator(self.native(iter, (value,), {}, storing=True))
        if isinstance(value, SEQUENCES):
            return self._outside_items(value, source)
        if isinstance(value, (*MAPPINGS, set, frozenset)):
            self.guards.structure(value)
            return iter(list(value))
        if handler_of(type(value)) is None:
            self.break_graph(f"iterates over {self.describe(value)}")
        return iter(value)

    def _outside_items(self, value, source):
        self.guards.structure(value)
        for i, item in enumerate(list(value)):
            yield self.guards.reach(item, source.item(i))

    def _native_iterator(self, iterator):
        while True:
            try:
                item = self.native(next, (iterator,), {}, storing=True)
            except StopIteration:
                return
            yield item

    def _user_iterator(self, iterator):
        while True:
            try:
                item = self.call(self.user_method(iterator, "__next__"), (), {})
            except StopIteration:
                return
            yield item

    def _by_index(self, value):
        index = 0
        while True:
            try:
                item = self.get_item(value, index)
            except IndexError:
                return
            yield item
            index += 1

    def mapping_items(self, mapping):
        """The (key, value) pairs of a mapping that is spread out by **."""
        method = self.user_method(mapping, "keys")
        if method is not None:
            keys = list(self.iterate(self.call(method, (), {})))
        elif isinstance(mapping, MAPPINGS):
            self.guards.structure(mapping)
            keys = list(mapping)
        else:
            keys = list(self.iterate(self.call(self.get_attribute(mapping, "keys"), (), {})))
        return [(key, self.get_item(mapping, key)) for key in keys]

    # What was made in the trace -------------------------------------------------

    def make(self, object):
        """Note that an object was made by the function, so that it may be changed; return it."""
        if self.guards.source_of(object) is None:
            self.made[id(object)] = object
        return object

    def _is_made(self, object):
        return id(object) in self.made or isinstance(object, FunctionCtx)

    def check_made(self, object, reason):
        """Break the graph where an object that is to be changed was not made by the function."""
        if not self._is_made(object):
            self.break_graph(reason)

    def describe(self, object):
        """An outside object in words, for messages."""
        source = self.guards.source_of(object)
        if source is None:
            return f"a {type(object).__name__} that the function did not make"
        return f"{source}, a {type(object).__name__} outside the function"
