"""What `import torchvision` finds in a process that was spawned by a program under `python -m numbatorch`.

Its folder is on the path there. The import leaves numbatorch in this module's place.
"""

import sys

del sys.modules["torchvision"]

from numbatorch.launcher import install_as_torch  # noqa: E402

install_as_torch()
