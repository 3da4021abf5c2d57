"""oneDNN is not used: assigning this changes nothing."""

enabled = False


def is_available():
    """False: kernels are numbatorch's own."""
    return False
