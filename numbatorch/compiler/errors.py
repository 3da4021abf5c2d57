"""What stops a capture."""


class GraphBreak(BaseException):
    """Something that a replay of the recorded kernels could not reproduce.

    No user code catches it by accident: it is not an Exception. `filename` and `line` are those of
    the user's code where they are known.
    """

    def __init__(self, reason, filename=None, line=None):
        super().__init__(reason)
        self.reason = reason
        self.filename = filename
        self.line = line

    def __str__(self):
        if self.filename is None:
            return self.reason
        return f"{self.reason} ({self.filename}:{self.line})"
