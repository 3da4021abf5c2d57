"""The simulated checks run in a process of their own, with NUMBA_ENABLE_CUDASIM=1."""

import os

collect_ignore = [] if os.environ.get("NUMBA_ENABLE_CUDASIM") == "1" else ["simulated"]
