"""Notices user code that library code calls behind the interpreter's back."""

import sys
from pathlib import Path

from .tables import is_generated, is_user_module

#: Machinery that never calls the user's functions, but may call other people's import hooks.
_TRUSTED = frozenset({"numba", "llvmlite", "importlib", "cuda", "nvmath", "greenlet"})

#: Where the library lies. Numba shows its calls of compiled functions as frames of no module.
_PACKAGE = str(Path(__file__).resolve().parents[2])


class Watch:
    """While entered, remembers the first frame of user code that starts to run in this thread."""

    def __init__(self):
        self.intruder = None  # (function name, filename, line)
        self._trusted = None  # the frame of trusted machinery that is running

    def __enter__(self):
        self._previous = sys.getprofile()
        sys.setprofile(self._notice)
        return self

    def __exit__(self, *exception):
        if self._previous is None or callable(self._previous):
            sys.setprofile(self._previous)
        else:
            self._previous.enable()  # a cProfile.Profile, which can only put itself back

    def _notice(self, frame, event, argument):
        if self._trusted is not None:
            if event == "return" and frame is self._trusted:
                self._trusted = None
        elif event == "call" and self.intruder is None:
            module, code = frame.f_globals.get("__name__") or "", frame.f_code
            if module.partition(".")[0] in _TRUSTED:
                self._trusted = frame
            elif (
                is_user_module(module)
                and not is_generated(code)
                and (module or not code.co_filename.startswith(_PACKAGE))
            ):
                self.intruder = code.co_qualname, code.co_filename, code.co_firstlineno

    _notice.watches_user_code = True  # see callbacks.unwatched
