"""Logic on truth values, and on bits."""

from ..formulas import logic as formulas
from .elementwise import BOOL, COMPLEX, FLOATING, TENSORS, binary, compare, unary

NUMBERS = FLOATING + COMPLEX  # what has no bits to work on

logical_not = unary("logical_not", formulas.logical_not, compare)
logical_and = binary("logical_and", formulas.logical_and, compare, numbers=TENSORS)
logical_or = binary("logical_or", formulas.logical_or, compare, numbers=TENSORS)
logical_xor = binary("logical_xor", formulas.logical_xor, compare, numbers=TENSORS)

bitwise_not = unary("bitwise_not", formulas.bitwise_not, rejects=NUMBERS)
bitwise_and = binary("bitwise_and", formulas.bitwise_and, rejects=NUMBERS)
bitwise_or = binary("bitwise_or", formulas.bitwise_or, rejects=NUMBERS)
bitwise_xor = binary("bitwise_xor", formulas.bitwise_xor, rejects=NUMBERS)
bitwise_left_shift = binary("bitwise_left_shift", formulas.left_shift, rejects=NUMBERS + BOOL)
bitwise_right_shift = binary("bitwise_right_shift", formulas.right_shift, rejects=NUMBERS + BOOL)
