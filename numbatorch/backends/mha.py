"""A fast path of attention that PyTorch has; here there is one path."""

_fastpath = True


def get_fastpath_enabled():
    """What `set_fastpath_enabled` was told last."""
    return _fastpath


def set_fastpath_enabled(value):
    """Accepted."""
    global _fastpath
    _fastpath = bool(value)
