"""opt_einsum is not used: assigning these changes nothing."""

enabled = False
strategy = None


def is_available():
    """False."""
    return False
