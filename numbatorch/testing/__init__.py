"""Comparing results in tests (`torch.testing`)."""

import warnings

from .comparison import assert_close
from .creation import make_tensor


def assert_allclose(actual, expected, rtol=None, atol=None, equal_nan=True, msg=""):
    """The older `assert_close`, which looks at values alone."""
    warnings.warn(
        "`torch.testing.assert_allclose()` is deprecated since 1.12. Please use "
        "`torch.testing.assert_close()` instead.",
        FutureWarning,
        stacklevel=2,
    )
    assert_close(
        actual, expected, rtol=rtol, atol=atol, equal_nan=equal_nan, check_device=False,
        check_dtype=False, check_stride=False, msg=msg or None,
    )  # fmt: skip
