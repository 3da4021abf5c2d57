"""Notices user code that library code calls behind the interpreter's back."""

import sys
from contextlib import contextmanager

from .tables import is_generated, is_user_module


class Watch:
    """While entered, remembers the first frame of user code that starts to run in this thread."""

    def __init__(self):
        self.intruder = None  # (function name, filename, line)

    def __enter__(self):
        self._previous = sys.getprofile()
        sys.setprofile(self._notice)
        return self

    def __exit__(self, *exception):
        sys.setprofile(self._previous)

    def _notice(self, frame, event, argument):
        if event != "call" or self.intruder is not None:
            return
        code = frame.f_code
        if is_user_module(frame.f_globals.get("__name__")) and not is_generated(code):
            self.intruder = code.co_qualname, code.co_filename, code.co_firstlineno


@contextmanager
def unwatched():
    """Do not watch meanwhile: the interpreter itself is running again."""
    previous = sys.getprofile()
    sys.setprofile(None)
    try:
        yield
    finally:
        sys.setprofile(previous)
