"""What a compiled step holds on to by identity: modules and tensors, and whether they changed.

With them the settings of the process.

Comparing a model's whole state takes longer than a small step does. So it is compared only where
`changes.state.version` says that some module or tensor has changed since it was last compared.
"""

from .. import changes, cpu_target, devices, dtypes
from ..nn.modules.calls import global_hooks
from .conditions import EXACT_REPR

_REGISTRIES = (*changes.WATCHED, dict)  # also those of other classes, from a pickle

#: Settings of the process whose changes are noted: words, and how to read it.
SETTINGS = (
    ("the default dtype", dtypes.get_default_dtype),
    ("the default device", devices.default),
    ("the number of threads", cpu_target.get_num_threads),
)


class Held:
    """Snapshots of modules and tensors, and the version of the world at which they held."""

    def __init__(self):
        self.version = changes.state.version
        self.snapshots = {id(global_hooks): ObjectSnapshot(global_hooks, "global module hooks")}
        self.snapshots |= {words: SettingSnapshot(words, read) for words, read in SETTINGS}

    def __contains__(self, object):
        return id(object) in self.snapshots

    def add_module(self, module, name):
        self.snapshots[id(module)] = ObjectSnapshot(module, name)

    def add_tensor(self, tensor, name):
        self.snapshots[id(tensor)] = TensorSnapshot(tensor, name)

    def storages(self):
        """The memory of the tensors held."""
        return {
            snapshot.tensor.storage
            for snapshot in self.snapshots.values()
            if isinstance(snapshot, TensorSnapshot)
        }

    def unchanged(self):
        """Whether everything is as it was; then this version of the world is remembered."""
        version = changes.state.version
        for snapshot in self.snapshots.values():
            if snapshot.difference() is not None:
                return False
        if not any(snapshot.unwatched for snapshot in self.snapshots.values()):
            self.version = version
        return True

    def difference(self):
        """What changed first, in words, or None."""
        for snapshot in self.snapshots.values():
            found = snapshot.difference()
            if found is not None:
                return found
        return None


class SettingSnapshot:
    """A setting of the process."""

    unwatched = False

    def __init__(self, words, read):
        self.words = words
        self.read = read
        self.value = read()

    def difference(self):
        """What it was and is, where they differ, or None."""
        now = self.read()
        return None if now == self.value else f"{self.words} is {now}, was {self.value}"


class ObjectSnapshot:
    """The attributes of a module: plain ones by value, registries by what is in them, others as is."""

    def __init__(self, object, name):
        self.object = object
        self.name = name
        self.kind = type(object)
        self.attributes = {key: _copied(value) for key, value in vars(object).items()}
        #: Whether a registry, from a pickle perhaps, does not note its changes.
        self.unwatched = any(
            isinstance(value, dict) and not isinstance(value, changes.WATCHED)
            for key, value in vars(object).items()
            if key in ("_modules", "_parameters", "_buffers") or key.endswith("_hooks")
        )

    def difference(self):
        """The first attribute that is not as it was, in words, or None."""
        now = vars(self.object)
        if type(self.object) is not self.kind:
            return f"{self.name} is of another class"
        if now.keys() != self.attributes.keys():
            names = sorted(now.keys() ^ self.attributes.keys())
            return f"{self.name} gained or lost the attributes {', '.join(names)}"
        for key, old in self.attributes.items():
            if not _same(old, now[key]):
                return f"{self.name}.{key} has changed"
        return None


class TensorSnapshot:
    """The memory that a tensor looks into, how, and its part in autograd."""

    unwatched = False

    def __init__(self, tensor, name):
        self.tensor = tensor
        self.name = name
        self.form = self._form()

    def _form(self):
        tensor = self.tensor
        return (
            type(tensor), tensor.storage, tensor.dtype, tuple(tensor.shape), tensor.strides,
            tensor.offset, tensor.requires_grad, tensor._node is None, bool(tensor._hooks),
        )  # fmt: skip

    def difference(self):
        """What is not as it was, in words, or None."""
        now = self._form()
        if now == self.form:
            return None
        names = (
            "class", "memory", "dtype", "shape", "strides", "offset", "requires_grad", "history",
            "hooks",
        )  # fmt: skip
        changed = [name for name, a, b in zip(names, self.form, now) if a != b]
        return f"{self.name}: its {' and '.join(changed)} changed"


def _copied(value):
    """A registry's items as they are now; anything else is kept itself."""
    return dict(value) if isinstance(value, _REGISTRIES) else value


def _same(old, new):
    if isinstance(new, _REGISTRIES):
        return (
            type(old) is dict
            and tuple(old) == tuple(new)
            and all(a is b for a, b in zip(old.values(), new.values()))
        )
    return old is new or (
        type(old) is type(new) and type(old) in EXACT_REPR and repr(old) == repr(new)
    )
