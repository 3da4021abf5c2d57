"""The pickler of both formats: storages become numbers, our classes go under PyTorch's names."""

import pickle
from types import FunctionType

from ..changes import WatchedDict
from ..op import Op
from . import names
from .storages import TypedStorage, location_of


class Pickler(pickle._Pickler):
    """The pickler written in Python, because that one asks `save_global` for names."""

    def __init__(self, file, protocol):
        super().__init__(file, protocol)
        #: id of a storage -> (its number, its handle)
        self.storages = {}

    def persistent_id(self, obj):
        if not isinstance(obj, TypedStorage):
            return None
        key, known = self.storages.setdefault(id(obj.storage), (str(len(self.storages)), obj))
        if known.dtype is not obj.dtype:
            raise RuntimeError(
                "Cannot save multiple tensors or storages that view the same data as different "
                f"types ({known.dtype} and {obj.dtype})"
            )
        kind = names.STORAGE_TYPES[names.STORAGE_NAMES[obj.dtype]]
        return "storage", kind, key, location_of(obj.storage), obj.count

    def reducer_override(self, obj):
        return obj.name if isinstance(obj, Op) else NotImplemented

    def save_global(self, obj, name=None):
        if isinstance(obj, Op):
            self._write_global(obj, "torch", name)
            return
        name = name or getattr(obj, "__qualname__", None) or obj.__name__
        module = pickle.whichmodule(obj, name)
        theirs = names.to_torch(module, name)
        if theirs == (module, name):
            super().save_global(obj, name)
        else:
            self._write_global(obj, *theirs)

    def save_storage_type(self, obj):
        self._write_global(obj, "torch", names.STORAGE_NAMES[obj.dtype])

    def _write_global(self, obj, module, name):
        self.write(pickle.GLOBAL + f"{module}\n{name}\n".encode())
        self.memoize(obj)

    dispatch = {
        **pickle._Pickler.dispatch,
        WatchedDict: pickle._Pickler.save_dict,
        FunctionType: save_global,
        names.StorageType: save_storage_type,
    }
