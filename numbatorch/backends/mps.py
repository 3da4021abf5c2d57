"""Apple's Metal: not supported."""


def is_available():
    """False."""
    return False


def is_built():
    """False."""
    return False
