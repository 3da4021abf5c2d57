"""The dtypes that reductions and scans work in, the same on either target."""

from .. import dtypes
from . import conversion

_WIDER = {"float32": dtypes.float64, "complex64": dtypes.complex128}
_BY_NAME = {"uint8": dtypes.uint8, "int64": dtypes.int64}


def computed(dtype):
    """The dtype that elements of `dtype` are computed in."""
    if dtype.is_half:
        return dtypes.float32
    return as_stored(dtype)


def wider(dtype):
    """The dtype in which many results in `dtype` are added up."""
    return _WIDER.get(dtype.name, dtype)


def as_stored(dtype):
    """Booleans are compared and stored as the bytes 0 and 1."""
    return dtypes.uint8 if dtype is dtypes.bool_ else dtype


class ReductionTypes:
    """The dtypes of a reduction of `x` into `out`, and the formulas that lead from one to the other.

    `value` is what elements are combined in, `total` what blocks of them are, `number` what the
    number of each output is. `prepare` brings an element to `value`; `of_element` is what happens to
    each element, `of_output` to each total.
    """

    def __init__(self, reduction, out, x, operand):
        if reduction.works_in == "out":
            value = computed(out)
        elif reduction.works_in == "input":
            value = computed(x)
            x, out = as_stored(x), as_stored(out)
        else:
            value = _BY_NAME[reduction.works_in]
        narrow = value is computed(x) or x.is_complex or reduction.works_in != "out"
        prepare = conversion.identity if narrow else conversion.cast(value)
        self.out, self.x, self.operand = out, x, operand or value
        self.value, self.total, self.number = value, wider(value), value.to_real()
        self.initial = reduction.initial_for(value)
        self.of_element = (
            reduction.map_for(x), reduction.combine, reduction.finish, prepare, conversion.load(x),
        )  # fmt: skip
        self.of_output = (
            conversion.load(self.operand), conversion.store(out), conversion.cast(out),
            operand is not None,
        )  # fmt: skip
