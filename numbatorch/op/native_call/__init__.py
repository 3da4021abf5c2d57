"""Op calls that came before, run in compiled code: one builtin finds the record of a call and follows it.

What a call does follows from its key: who is called, the Forms of the tensors, and the numbers,
dtypes, flags and words beside them. The first call with a key goes through Python, which leaves a
Record of what it did in a table. The next one allocates the result, launches the kernel and makes
the node without leaving compiled code. Whatever is unusual (a listener, a mode other than
recording or not, a view whose base was written to) goes through Python as before.

`calls.py` is compiled, with the `keys.py` of calls and the `steps.py` that follow a record, and
`making.py` makes builtins of it; `keeping.py` says in a record what a call came to, and `records.py` keeps
it. `at.py` and `field.py` name the words that compiled code reads.
"""

from .keeping import is_plain, keep, keep_empty, keep_return, refuse
from .making import builtin
from .records import table

__all__ = ["builtin", "is_plain", "keep", "keep_empty", "keep_return", "refuse", "table"]
