"""`torch.jit.isinstance`: Python's, which also looks into containers."""

import builtins
import typing
import warnings
from types import UnionType


def is_instance(obj, target_type):
    """Whether `obj` is of a type, which may be `List[int]`, `Dict[str, int]`, `Optional[int]` and so on.

    `target_type` may also be a tuple of types, one of which is to fit. An empty container fits
    whatever its elements should be, and a warning says so.
    """
    kinds = target_type if builtins.isinstance(target_type, tuple) else (target_type,)
    return any([_fits(obj, kind) for kind in kinds])


def _fits(obj, kind):
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, UnionType):
        return obj is None or any(_fits(obj, one) for one in inner)
    if kind in (list, dict, tuple, typing.List, typing.Dict, typing.Tuple, typing.Optional):  # noqa: UP006
        raise RuntimeError(
            f"jit.isinstance: {kind} needs the types of what it contains, such as List[int]"
        )
    if kind is None:
        return obj is None
    if origin not in (list, dict, tuple):
        return builtins.isinstance(obj, kind)
    if not builtins.isinstance(obj, origin):
        return False
    if not obj:
        warnings.warn(
            "The inner type of a container is lost when calling torch.jit.isinstance in eager mode. "
            f"For example, List[int] would become list and therefore falsely return True for {obj!r}.",
            stacklevel=3,
        )
    if origin is list:
        return all(_fits(item, inner[0]) for item in obj)
    if origin is dict:
        return all(_fits(key, inner[0]) and _fits(value, inner[1]) for key, value in obj.items())
    return len(obj) == len(inner) and all(map(_fits, obj, inner))
