"""cuDNN is not used: assigning these changes nothing."""

enabled = False
benchmark = False
deterministic = False
allow_tf32 = True


def is_available():
    """False: kernels are numbatorch's own."""
    return False


def version():
    """None: there is no cuDNN."""
    return
