"""Guards: which outside state a recorded step depends on, and the function that checks it.

The interpreter `reach`es every object outside the function that it meets, with the source that leads
there. What is reached is guarded once; from then on the source of the object is known, so that its
attributes and items get sources too.
"""

import functools
import keyword
import re
import types
from collections import OrderedDict, defaultdict, deque

from .. import changes
from ..graph import modes
from ..nn.modules.module import Module
from ..op import Op
from ..optim.lr_scheduler import LRScheduler
from ..optim.optimizer import Optimizer
from ..random import Generator
from ..tensor import Tensor
from .conditions import (
    EXACT_REPR,
    Absent,
    Alias,
    Contents,
    Equal,
    Identity,
    Keys,
    Kind,
    Length,
    Settings,
    Sharing,
    TensorForm,
    is_plain,
)
from .errors import GraphBreak
from .held import Held
from .sources import ARGS, KWARGS, Source
from .sources import Held as HeldSource

SEQUENCES = (list, tuple, deque)
MAPPINGS = (dict, OrderedDict, defaultdict, types.MappingProxyType)
#: Objects that stand for themselves: only another object can mean something else.
CONSTANT = (
    type, types.FunctionType, types.BuiltinFunctionType, types.ModuleType, types.CodeType,
    types.MethodDescriptorType, types.WrapperDescriptorType, property, staticmethod, classmethod,
)  # fmt: skip

#: Settings of the thread: expression, how to read it, words.
SETTINGS = (
    ("modes.grad_enabled", lambda: modes.grad_enabled, "whether gradients are recorded"),
    ("modes.inference", lambda: modes.inference, "inference mode"),
    ("modes.anomaly", lambda: modes.anomaly, "anomaly detection"),
    ("modes.autocast", lambda: modes.autocast, "autocast"),
    ("modes.saved_tensors_hooks", lambda: modes.saved_tensors_hooks, "hooks on saved tensors"),
)

#: class -> (handler(guards, object, source), the methods that may be called); see `handles`.
HANDLERS = {}

#: Outside containers larger than this are not guarded item by item.
MOST_ITEMS = 10_000


def handles(kind, methods=()):
    """Decorator: the function guards outside objects of a class, in place of the general way.

    `methods` names those of its methods that user code may call: a replay repeats their effects.
    """

    def register(handler):
        HANDLERS[kind] = handler, frozenset(methods)
        return handler

    return register


def handler_of(cls):
    """(handler, methods) for objects of a class, or None."""
    return next((HANDLERS[kind] for kind in cls.__mro__ if kind in HANDLERS), None)


class Guards:
    """The guards of one recorded step."""

    def __init__(self):
        self.guards = []
        self.held = Held()
        self.namespace = {}
        self.source = None  # of the check function, once finished
        self.closed = False
        self.refuse = _refuse  # refuse(reason) raises; the interpreter adds the line
        self._names = {}  # id -> name in the namespace
        self._reached = {}  # id -> (object, source)
        self._guarded = set()  # expressions of sources that have been reached
        self._deepened = set()
        self._moved = {}  # id -> object whose state the recorded step itself has changed
        self._kinds = set()
        self._check = None
        self._bind_all(modes=modes, state=changes.state, held=self.held)
        for expression, read, words in SETTINGS:
            self.add(Settings(Source(expression), read, words))

    # Names ------------------------------------------------------------------

    def bind(self, object, hint):
        """The name under which the check function knows `object`."""
        name = self._names.get(id(object))
        if name is None:
            stem = name = re.sub(r"\W+", "_", str(hint)).strip("_") or "object"
            number = 1
            while name in self.namespace or keyword.iskeyword(name) or name in ("args", "kwargs"):
                number += 1
                name = f"{stem}_{number}"
            self._bind_all(**{name: object})
        return name

    def _bind_all(self, **objects):
        for name, object in objects.items():
            self.namespace[name] = object
            self._names[id(object)] = name

    def constant(self, object, hint):
        """A source for an object that the step holds on to."""
        return HeldSource(self.bind(object, hint))

    # Collecting -------------------------------------------------------------

    def add(self, guard):
        """Add a guard, unless there is one of its kind on the same source."""
        key = type(guard), guard.source, getattr(guard, "key", None)
        if key not in self._kinds:
            self._kinds.add(key)
            self.guards.append(guard)

    def source_of(self, object):
        """The source of an outside object that was reached, or None."""
        found = self._reached.get(id(object))
        return None if found is None else found[1]

    def argument_of(self, storage):
        """(get(args, kwargs), tensor): how a tensor of this memory comes with the arguments.

        None where the memory is not an argument's.
        """
        for object, source in self._reached.values():
            if isinstance(object, Tensor) and object.storage is storage and source.from_arguments:
                return source.getter(self.namespace), object
        return None

    def argument_tensors(self):
        """The tensors that came with the arguments of the call."""
        return [
            object
            for object, source in self._reached.values()
            if isinstance(object, Tensor) and source.from_arguments
        ]

    def getter(self, object):
        """get(args, kwargs) that reaches an outside object again."""
        return self.source_of(object).getter(self.namespace)

    def register(self, object, source):
        """Note the source of an outside object without guarding it."""
        self._reached.setdefault(id(object), (object, source))

    def arguments(self, args, kwargs):
        """Guard the arguments of the call; containers among them through and through."""
        self.add(Length(ARGS, len(args)))
        # their order counts where a function takes them as a dictionary
        self.add(Keys(KWARGS, kwargs) if len(kwargs) > 1 else Length(KWARGS, len(kwargs)))
        for i, value in enumerate(args):
            self._argument(value, ARGS.item(i))
        for name, value in kwargs.items():
            self._argument(value, KWARGS.item(name))

    def _argument(self, value, source):
        self.reach(value, source)
        if isinstance(value, (*SEQUENCES, *MAPPINGS)):
            self.deep(value)

    def reach(self, value, source, covered=False):
        """Guard an outside object that `source` leads to, and return it.

        With `covered` another guard already sees to it that the source leads to the same object.
        """
        if self.closed or source.expression in self._guarded:
            return value
        self._guarded.add(source.expression)
        if is_plain(value):
            if not covered:
                self.add(Equal(source, value))
            return value
        known = self.source_of(value)
        if known is not None and known != source:
            if not covered:
                self._alias(value, source, known)
            return value
        self.register(value, source)
        self._guard(value, source, covered)
        return value

    def _alias(self, value, source, known):
        """A second way to an object leads to the same one as the first."""
        if known.from_arguments:
            self.add(Alias(source, known))
        else:
            self.add(Identity(source, value))

    def _guard(self, value, source, covered):
        handler = handler_of(type(value))
        if isinstance(value, Tensor):
            if source.from_arguments:
                self.add(TensorForm(source, value))
            else:
                if not covered:
                    self.add(Identity(source, value))
                self.held.add_tensor(value, source.expression)
        elif handler is not None:
            handler[0](self, value, source)
        elif isinstance(value, Module):
            if not covered:
                self.add(Identity(source, value))
            self.hold_module(value, source)
        elif isinstance(value, CONSTANT) or _is_opaque(value):
            if not covered:
                self.add(Identity(source, value))
        elif isinstance(value, types.MethodType):
            self.add(Kind(source, types.MethodType))
            self.reach(value.__func__, source.attribute("__func__"))
            self.reach(value.__self__, source.attribute("__self__"))
        elif isinstance(value, functools.partial):
            self.add(Kind(source, type(value)))
            self.reach(value.func, source.attribute("func"))
            for part in ("args", "keywords"):
                self.reach(getattr(value, part), source.attribute(part))
                self.deep(getattr(value, part))
        else:
            self.add(Kind(source, type(value)))

    def hold_module(self, module, source):
        """Take a snapshot of a module and of all below; note where they and their tensors are."""
        if module in self.held:
            return
        self.held.add_module(module, source.expression)
        self.register(module, source)
        for registry in ("_parameters", "_buffers"):
            for name, tensor in vars(module)[registry].items():
                if tensor is None or tensor in self.held:
                    continue
                self.register(tensor, _child_source(source, name, registry))
                self.held.add_tensor(tensor, f"{source.expression}.{name}")
                first = self.source_of(tensor)
                if first.from_arguments:
                    self.add(Identity(first, tensor))
        for name, child in module._modules.items():
            if child is not None:
                self.hold_module(child, _child_source(source, name))

    def holds_module(self, object):
        """Whether an object is a module whose attributes are guarded by a snapshot."""
        return isinstance(object, Module) and object in self.held

    def same_object(self, object, source):
        """Guard that a source leads to the very same object."""
        if not self.closed:
            self.add(Identity(source, object))

    def absent(self, mapping, key, hint):
        """Guard that a namespace that the step holds on to lacks a key."""
        if not self.closed:
            self.add(Absent(self.constant(mapping, hint), key))

    def add_absent(self, source, key):
        """Guard that the mapping that a source leads to lacks a key."""
        if not self.closed:
            self.add(Absent(source, key))

    def attribute_absent(self, object, name):
        """Guard that an outside object's own attributes lack a name."""
        source = self.source_of(object)
        if source is not None and not self.closed and hasattr(object, "__dict__"):
            self.add(Absent(source.attribute("__dict__"), name))

    def deep(self, value):
        """Guard everything in an outside container or object, which is about to be read natively."""
        self.check_unmoved(value)
        source = self.source_of(value)
        if source is None or self.closed or id(value) in self._deepened:
            return
        self._deepened.add(id(value))
        if isinstance(value, (*SEQUENCES, *MAPPINGS, set, frozenset)):
            self._deep_container(value, source)
        elif _is_atomic(value):
            return
        elif hasattr(value, "__dict__"):
            self.add(Keys(source, vars(value), attributes=True))
            for name, item in vars(value).items():
                self.deep(self.reach(item, source.attribute(name)))
        else:
            self.refuse(f"{source} is a {type(value).__name__}, whose state cannot be guarded")

    def _deep_container(self, value, source):
        if len(value) > MOST_ITEMS:
            self.refuse(f"{source} has {len(value)} items, too many to guard")
        elif _all_plain(value):
            self.add(Contents(source, value))
        elif isinstance(value, SEQUENCES):
            self.add(Length(source, len(value)))
            for i, item in enumerate(value):
                self.deep(self.reach(item, source.item(i)))
        elif isinstance(value, MAPPINGS):
            self.add(Keys(source, value))
            for key, item in value.items():
                text = repr(key) if type(key) in EXACT_REPR else self.bind(key, "key")
                self.deep(self.reach(item, source.item(key, text)))
        else:
            self.refuse(f"{source} is a set of other things than plain values")

    def moves(self, object):
        """Note that a recorded call changes a scheduler, and so its optimizer's options.

        What is read of them from now on is no longer what a guard would find before the step.
        """
        optimizer = getattr(object, "optimizer", None)
        if not isinstance(object, LRScheduler) or optimizer is None:
            return
        moved = [object, vars(object), optimizer, optimizer.param_groups, *optimizer.param_groups]
        moved += [value for value in vars(object).values() if isinstance(value, list | dict)]
        self._moved.update({id(part): part for part in moved})

    def check_unmoved(self, object):
        """Refuse where the state of an object that is read has been changed by the step itself."""
        if id(object) in self._moved and not self.closed:
            self.refuse(f"reads {self.source_of(object) or 'options'} after a scheduler's step")

    def structure(self, value):
        """Guard the length of an outside container, or the keys of a mapping."""
        self.check_unmoved(value)
        source = self.source_of(value)
        if source is None or self.closed:
            return
        if isinstance(value, MAPPINGS):
            self.add(Keys(source, value))
        elif isinstance(value, SEQUENCES):
            self.add(Length(source, len(value)))
        else:
            self.deep(value)

    # Checking ---------------------------------------------------------------

    def finish(self, args, kwargs):
        """Write the check function; refuse where the function changed what it depends on."""
        self._guard_sharing()
        self._write()
        changed = self.held.difference() or self.explain_failure(args, kwargs, after_run=True)
        if changed is not None:
            self.refuse(f"the function changes state that it depends on: {changed}")
        self.closed = True

    def release_arguments(self):
        """Let go of the objects that came with the arguments; what they were is still guarded."""
        self._reached = {
            key: entry for key, entry in self._reached.items() if not entry[1].from_arguments
        }

    def _guard_sharing(self):
        tensors = [(tensor, self.source_of(tensor)) for tensor in self.argument_tensors()]
        held = self.held.storages()
        identical = {guard.source for guard in self.guards if isinstance(guard, Identity)}
        for i, (tensor, source) in enumerate(tensors):
            if source in identical:
                continue
            self.add(Sharing(source, tensor, tensors[:i], held))

    def relax(self, source, dim):
        """Let the size of one dimension of a tensor argument be any from 2."""
        for guard in self.guards:
            if isinstance(guard, TensorForm) and guard.source == source:
                guard.dynamic.add(dim)
                self._write()
                return
        raise KeyError(f"there is no guard on the form of {source}")

    def sizeless(self):
        """Equal for kinds of calls that differ only in the sizes of tensor arguments."""
        return tuple(
            guard.sizeless()
            if isinstance(guard, TensorForm)
            else (
                guard.condition(guard.source.expression, self.bind),
                id(vars(guard).get("object")),
            )
            for guard in self.guards
        )

    def pin(self, tensors):
        """Let those that came with the arguments have to be the very same in every call."""
        sources = [self.source_of(tensor) for tensor in tensors]
        pinned = [(s, t) for s, t in zip(sources, tensors) if s is not None and s.from_arguments]
        for source, tensor in pinned:
            self.add(Identity(source, tensor))
        if pinned:
            self._write()

    def hold(self, tensors, name):
        """Guard the form and memory of tensors that the step holds on to."""
        for tensor in tensors:
            if tensor not in self.held:
                self.held.add_tensor(tensor, name)

    def check(self, args, kwargs):
        """Whether the recorded step is valid for these arguments, in the world as it is."""
        return self._check(args, kwargs)

    def explain_failure(self, args, kwargs, after_run=False):
        """The first guard that does not hold, in words; None where all hold."""
        for guard in self.guards:
            if after_run and guard.changes_in_run:
                continue
            value = guard.source.expression
            condition = guard.condition(value, self.bind)
            found = guard.source.getter(self.namespace)
            try:
                if eval(f"lambda args, kwargs: {condition}", self.namespace)(args, kwargs):
                    continue
            except _UNREACHABLE:
                try:
                    found(args, kwargs)
                except _UNREACHABLE:
                    return f"{value} is not there any more"
            return f"{value} {guard.explain(found(args, kwargs))}"
        if changes.state.version != self.held.version and not self.held.unchanged():
            return self.held.difference()
        return None

    def _write(self):
        self.namespace["_UNREACHABLE"] = _UNREACHABLE
        self.source = write_check(self.guards, self.bind, self.namespace)
        code = compile(self.source, "<guards>", "exec")
        exec(code, self.namespace)
        self._check = self.check = self.namespace["check"]


def _child_source(parent, name, registry="_modules"):
    """The source of what a module registered under `name`, which need not be an identifier."""
    if name.isidentifier():
        return parent.attribute(name)
    return parent.attribute(registry).item(name)


def _is_opaque(value):
    """Whether an object is of a class written in C other than a container, so has no parts to read."""
    containers = (*SEQUENCES, *MAPPINGS, set, frozenset)
    return not type(value).__flags__ & _HEAP_TYPE and not isinstance(value, containers)


_HEAP_TYPE = 1 << 9  # Py_TPFLAGS_HEAPTYPE: the class was made by a class statement


def _is_atomic(value):
    """Whether an object's guard, made when it was reached, covers all that can be read of it."""
    return (
        is_plain(value)
        or isinstance(value, (Tensor, Module, *CONSTANT, types.MethodType, functools.partial))
        or handler_of(type(value)) is not None
    )


def _all_plain(value):
    """Whether a container holds plain values only, also in the containers in it."""
    if type(value) in EXACT_REPR:
        return True
    if type(value) is dict:
        return all(map(_all_plain, value.keys())) and all(map(_all_plain, value.values()))
    return type(value) in (list, tuple, set, frozenset) and all(map(_all_plain, value))


def _refuse(reason):
    raise GraphBreak(reason)


#: What following a path to an object that is not there any more may raise.
_UNREACHABLE = (AttributeError, LookupError, TypeError, ValueError, RuntimeError)


def write_check(guards, bind, taken):
    """The Python text of check(args, kwargs): one statement for each guard, in order."""
    uses = _count_uses(guards, bind)  # which also binds every name that conditions use
    variables = {}
    lines = []

    def path(source):
        """The expression for a source, through variables already set."""
        if source.expression in variables:
            return variables[source.expression]
        text = source.expression
        if source.parent is not None:
            text = path(source.parent) + text[len(source.parent.expression) :]
        if uses.get(source.expression, 0) > 1 and source.parent is not None:
            name = source.variable()
            while name in taken or name in variables.values():
                name += "_"
            variables[source.expression] = name
            lines.append(f"{name} = {text}")
            return name
        return text

    for guard in guards:
        value = path(guard.source)
        condition = guard.condition(value, bind)
        if len(condition) > 80:
            condition = "\n    " + condition.replace(" and ", "\n    and ") + "\n"
        lines += [*f"if not ({condition}):".split("\n"), "    return False"]
    lines += ["if state.version != held.version and not held.unchanged():", "    return False"]
    body = "\n".join(f"        {line}" for line in lines)
    return (
        "def check(args, kwargs):\n    try:\n"
        f"{body}\n"
        "    except _UNREACHABLE:\n        return False\n    return True\n"
    )


def _count_uses(guards, bind):
    """How often each path occurs in the conditions and in longer paths."""
    uses = {}
    for guard in guards:
        source = guard.source
        text = guard.condition("\0", bind)
        uses[source.expression] = uses.get(source.expression, 0) + text.count("\0")
        while source.parent is not None:
            source = source.parent
            uses[source.expression] = uses.get(source.expression, 0) + 1
    return uses


@handles(Optimizer, methods=("step", "zero_grad"))
def guard_optimizer(guards, optimizer, source):
    """The same optimizer without hooks; the recorded step itself looks at its options and state."""
    guards.add(Identity(source, optimizer))
    for name in ("_optimizer_step_pre_hooks", "_optimizer_step_post_hooks"):
        guards.add(Length(source.attribute(name), len(getattr(optimizer, name))))


@handles(Generator)
def guard_generator(guards, generator, source):
    """The same generator; drawing from it is recorded."""
    guards.add(Identity(source, generator))


@handles(LRScheduler, methods=("step",))
def guard_scheduler(guards, scheduler, source):
    """The same scheduler; a replay calls its steps again."""
    guards.add(Identity(source, scheduler))


@handles(Op, methods=("__call__",))
def guard_op(guards, op, source):
    """The same op: nothing about it changes."""
    guards.add(Identity(source, op))
