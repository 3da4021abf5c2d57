"""cuDNN is not used: assigning these changes nothing."""

from contextlib import contextmanager

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


@contextmanager
def flags(
    enabled=False, benchmark=False, benchmark_limit=10, deterministic=False, allow_tf32=True,
    fp32_precision="none",
):  # fmt: skip
    """Context manager that assigns these, and takes them back."""
    kept = {
        name: globals()[name] for name in ("enabled", "benchmark", "deterministic", "allow_tf32")
    }
    globals().update(
        enabled=enabled, benchmark=benchmark, deterministic=deterministic, allow_tf32=allow_tf32
    )
    try:
        yield
    finally:
        globals().update(kept)
