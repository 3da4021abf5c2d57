"""Checks of what a program assumes: `torch._check` and its kin raise, each its own exception."""

import warnings

from . import graph

_UNKNOWN = "Expected cond to be True, but got {}."


def _assert(condition, message):
    """AssertionError where the condition does not hold."""
    assert condition, message


def _check_with(error_type, cond, message=None):
    """`error_type` where `cond`, a bool, does not hold; `message()` is its text."""
    if isinstance(cond, graph.Value):
        raise TypeError(
            "cond must be a bool, but got a Tensor. For tensor conditions, use "
            "torch._check_tensor_all() to assert that all elements are true."
        )
    if not isinstance(cond, bool):
        raise TypeError(f"cond must be a bool, but got {type(cond)}")
    if not cond:
        _raise(error_type, cond, message)


def _raise(error_type, cond, message):
    if message is None:
        raise error_type(_UNKNOWN.format(cond))
    if not callable(message):
        raise TypeError("message must be a callable")
    raise error_type(str(message()))


def _checking(name, error_type):
    def check(cond, message=None):
        _check_with(error_type, cond, message)

    check.__name__ = check.__qualname__ = name
    check.__doc__ = f"{error_type.__name__} where `cond` does not hold; `message()` is its text."
    return check


_check = _checking("_check", RuntimeError)
_check_index = _checking("_check_index", IndexError)
_check_value = _checking("_check_value", ValueError)
_check_type = _checking("_check_type", TypeError)
_check_not_implemented = _checking("_check_not_implemented", NotImplementedError)


def _check_tensor_all_with(error_type, cond, message=None):
    """`error_type` where an element of `cond`, a tensor of bools, is False."""
    if not isinstance(cond, graph.Value):
        raise TypeError(f"cond must be a tensor, but got {type(cond)}")
    if str(cond.dtype) != "torch.bool":
        raise TypeError(f"cond tensor must have dtype torch.bool, but got {cond.dtype}")
    if not cond.all():
        _raise(error_type, False, message)


def _check_tensor_all(cond, message=None):
    """RuntimeError where an element of `cond`, a tensor of bools, is False."""
    _check_tensor_all_with(RuntimeError, cond, message)


def _check_is_size(i, message=None, *, max=None):
    """RuntimeError where `i` is negative, or greater than `max` (deprecated in PyTorch)."""
    warnings.warn(
        "_check_is_size will be removed in a future PyTorch release. Use _check(i >= 0) instead.",
        FutureWarning, stacklevel=2,
    )  # fmt: skip
    _check(i >= 0, message)
    if max is not None:
        _check(i <= max, message)


FUNCTIONS = {
    function.__name__: function
    for function in (
        _assert, _check, _check_with, _check_index, _check_value, _check_type,
        _check_not_implemented, _check_tensor_all, _check_tensor_all_with, _check_is_size,
    )
}  # fmt: skip
