"""Ops: how one is declared, and the one way in which every op is called.

`operation` is the place to begin. `results` holds what shape rules return, `gradient_rules` what a
rule's parameters ask for, `saving` what nodes keep, `views` and `in_place` the two kinds of call
that make no memory of their own; `native_call` repeats in compiled code what calls came to, and
`repeated` lets a function composed from one op take part in that.
"""

from .in_place import (
    OVERLAP,
    check_result_cast,
    check_target,
    check_writable,
    copy_values,
    scalar_name,
    write_inplace,
)
from .operation import REGISTRY, Op, camel_case, check_devices, dynamic, primitive, view
from .repeated import repeated
from .results import Layout, Spec, spec_like
from .same_launches import same_launches
from .views import view_of

__all__ = [
    "OVERLAP", "REGISTRY", "Layout", "Op", "Spec", "camel_case", "check_devices",
    "check_result_cast", "check_target", "check_writable", "copy_values", "dynamic", "primitive",
    "repeated", "same_launches", "scalar_name", "spec_like", "view", "view_of", "write_inplace",
]  # fmt: skip
