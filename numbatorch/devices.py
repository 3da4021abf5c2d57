"""Devices: what `torch.device` names, how memory is got there, and whose kernels run there."""

import contextlib
import importlib
import math

from . import changes, cpu_builtins, cuda_streams, memory, native_state, shapes
from .array import Array


class device:
    """A place for tensors: `device("cpu")`, `device("cuda", 1)`, `device("cuda:1")`."""

    __slots__ = ("type", "index")

    def __init__(self, type, index=None):
        if isinstance(type, device):
            type, index = type.type, type.index
        elif isinstance(type, int) and not isinstance(type, bool):
            type, index = "cuda", type
        elif isinstance(type, str):
            name, colon, number = type.partition(":")
            if colon:
                if not number.isdigit() or index is not None:
                    raise RuntimeError(f"Invalid device string: '{type}'")
                type, index = name, int(number)
        else:
            raise TypeError(
                f"device(): argument 'type' must be str or int, not {type.__class__.__name__}"
            )
        if type not in ("cpu", "cuda", "meta", "mps", "xpu"):
            raise RuntimeError(
                "Expected one of cpu, cuda, meta, mps, xpu device type at start of device string: "
                f"{type}"
            )
        self.type = type
        self.index = index

    def __repr__(self):
        index = "" if self.index is None else f", index={self.index}"
        return f"device(type='{self.type}'{index})"

    def __str__(self):
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __eq__(self, other):
        return isinstance(other, device) and (self.type, self.index) == (other.type, other.index)

    def __hash__(self):
        return hash((self.type, self.index))

    def __reduce__(self):
        return device, (self.type,) if self.index is None else (self.type, self.index)

    def __enter__(self):
        _defaults.append(resolve(self))
        _default_changed()
        return self

    def __exit__(self, *exception):
        _defaults.pop()
        _default_changed()


CPU = device("cpu")

#: Where new tensors are made: set once, then by each `with device(...)` around.
_defaults = [CPU]


def _default_changed():
    native_state.defaults_changed()
    changes.note()


def default():
    """Where tensors are made for which no device is named."""
    return _defaults[-1]


def set_default(spec):
    """Make tensors on `spec` where no device is named; None is the CPU."""
    _defaults[0] = CPU if spec is None else resolve(spec)
    _default_changed()


_kernel_packages = {}


def kernels(array):
    """The package whose kernels run where `array` lies: cpu_kernels or cuda_kernels."""
    kind = array.storage.device_type
    package = _kernel_packages.get(kind)
    if package is None:
        package = importlib.import_module(f".{kind}_kernels", __package__)
        _kernel_packages[kind] = package
    return package


def of(array):
    """The device that `array` lies on."""
    storage = array.storage
    return (
        CPU if storage.device_type == "cpu" else device(storage.device_type, storage.device_index)
    )


def common(arrays):
    """The device of the first of some arrays that is not None."""
    for array in arrays:
        if array is not None:
            return of(array)
    raise ValueError("no array to tell the device from")


class Form:
    """What an array is apart from where it lies: dtype, shape, strides, device.

    Arrays of one form share the object, so that a call whose inputs have forms that came before
    is recognised by their identity.
    """

    __slots__ = (
        "dtype",
        "shape",
        "strides",
        "place",
        "nbytes",
        "is_contiguous",
        "has_overlap",
        "template",
    )

    def __init__(self, dtype, shape, strides, place):
        self.dtype = dtype
        self.shape = shapes.Size(shape)
        self.strides = tuple(strides)
        self.place = place
        self.nbytes = math.prod(shape) * dtype.itemsize
        self.is_contiguous = shapes.is_contiguous(self.shape, self.strides)
        self.has_overlap = shapes.has_overlap(self.shape, self.strides)
        self.template = None  # `graph.fresh` keeps here what it copies

    def __repr__(self):
        return f"<Form {self.dtype}, {self.shape}, strides {self.strides}, {self.place}>"


_forms = {}
_MOST_FORMS = 65536


def form_of(array):
    """The Form of an array."""
    form = array.form
    if form is None:
        storage = array.storage
        form = array.form = form_with(
            array.dtype, array.shape, array.strides, storage.device_type, storage.device_index
        )
    return form


def forms_of(arrays):  # noqa: F811
    """The Forms of a tuple of arrays; None for None, the type of what is no array."""
    global forms_of

    forms_of = cpu_builtins.forms_builtin(Array, "form", form_of)
    return forms_of(arrays)


def form_with(dtype, shape, strides, device_type, device_index):
    """The one Form of these parts."""
    key = dtype, shape, strides, device_type, device_index
    form = _forms.get(key)
    if form is None:
        if len(_forms) >= _MOST_FORMS:
            _forms.clear()  # older arrays keep theirs: a call is then planned once more
        place = CPU if device_type == "cpu" else device(device_type, device_index)
        form = _forms[key] = Form(dtype, shape, strides, place)
    return form


def resolve(spec):
    """A device from a device, a string, an int or None (the default), with its index filled in."""
    if spec is None:
        return _defaults[-1]
    chosen = spec if isinstance(spec, device) else device(spec)
    if chosen.type == "cpu":
        return CPU
    if chosen.type == "cuda":
        from . import cuda_memory

        return device("cuda", cuda_memory.resolve_index(chosen.index))
    raise RuntimeError(f"numbatorch has no tensors on the device '{chosen}': use 'cpu' or 'cuda'")


def new_storage(nbytes, place):
    """Fresh memory of arbitrary contents on the device `place`."""
    if place is CPU:
        return memory.Storage(nbytes)
    from . import cuda_memory

    return cuda_memory.CudaStorage(nbytes, place.index)


def allocate(array, shape, dtype, place, strides=None):
    """Give `array` fresh dense memory on `place`."""
    array.storage = new_storage(math.prod(shape) * dtype.itemsize, place)
    array.dtype = dtype
    array.shape = shape
    array.strides = shapes.contiguous_strides(shape) if strides is None else strides
    array.offset = 0
    array.form = None
    return array


def transfer(target, source, non_blocking=False):
    """Copy the values of `source` into `target`, an Array of the same shape on another device."""
    from . import cuda_memory

    cuda_memory.transfer(target, source, non_blocking)


def page_locked(array, shape, dtype, strides=None):
    """Give `array` fresh dense memory of the host that devices read and write by themselves."""
    from . import cuda_memory

    array.storage = cuda_memory.pinned_storage(math.prod(shape) * dtype.itemsize)
    array.dtype, array.shape = dtype, shape
    array.strides = shapes.contiguous_strides(shape) if strides is None else strides
    array.offset, array.form = 0, None
    return array


def is_page_locked(array):
    """Whether an Array lies in such memory."""
    from . import cuda_memory

    return array.storage.device_type == "cpu" and cuda_memory.is_pinned(array.storage)


# What lasts --------------------------------------------------------------------------------------


def lasting(place):
    """Context manager: what is made on `place` inside may be read on all streams afterwards."""
    from . import cuda_memory

    return contextlib.nullcontext() if place is CPU else cuda_memory.apart(place.index)


def keep_for_capture(array):
    """Let an Array live as long as the graph that is being captured with it, if one is."""
    capture = cuda_streams.capture_on(array.storage.device_index)
    if capture is not None:
        capture.kept.append(array.storage)


def finish_work():
    """Wait for all work on devices that constants lie on."""
    from . import cuda_memory

    cuda_memory.finish_work()


def join_streams():
    """Let the current stream of every device wait for those that were ever used beside it."""
    if cuda_streams.used and not cuda_streams.any_capture():
        from . import cuda_memory

        cuda_memory.join_streams()
