"""Names for type hints in scripted code (`torch.jit.annotations`)."""

# Programs import these from here.
from typing import Any, Dict, List, NamedTuple, Optional, Tuple, Union  # noqa: F401, UP035
