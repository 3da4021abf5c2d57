"""The checks on a device run in a process of their own, which `test_on_device.py` starts."""

import os

collect_ignore = [] if os.environ.get("NUMBATORCH_TEST_DEVICE") == "cuda" else ["on_device"]
