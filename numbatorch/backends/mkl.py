"""MKL is not used."""


def is_available():
    """False: products are numbatorch's own kernels."""
    return False


class verbose:
    """Context manager that changes nothing."""

    def __init__(self, enable):
        self.enable = enable

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        return False


VERBOSE_OFF, VERBOSE_ON = 0, 1
