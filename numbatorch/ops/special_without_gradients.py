"""Bessel and Airy functions and orthogonal polynomials of `torch.special`: no gradients, as in PyTorch."""

from ..formulas import bessel, orthogonal_polynomials
from . import special_functions
from .elementwise import COMPLEX, binary, to_float, unary
from .special_functions import publish

_OF_ONE = (
    "bessel_j0", "bessel_j1", "bessel_y0", "bessel_y1", "modified_bessel_k0", "modified_bessel_k1",
    "scaled_modified_bessel_k0", "scaled_modified_bessel_k1", "spherical_bessel_j0", "airy_ai",
)  # fmt: skip

_POLYNOMIALS = (
    "chebyshev_polynomial_t", "chebyshev_polynomial_u", "chebyshev_polynomial_v",
    "chebyshev_polynomial_w", "shifted_chebyshev_polynomial_t", "shifted_chebyshev_polynomial_u",
    "shifted_chebyshev_polynomial_v", "shifted_chebyshev_polynomial_w", "hermite_polynomial_h",
    "hermite_polynomial_he", "laguerre_polynomial_l", "legendre_polynomial_p",
)  # fmt: skip

_options = {"publish": False, "rejects": COMPLEX, "inplace": False, "sampled": False}

for _name in _OF_ONE:
    _op = unary(f"special_{_name}", getattr(bessel, _name), to_float, **_options)
    publish(_op, name=_name)

for _name in _POLYNOMIALS:
    _op = binary(f"special_{_name}", getattr(orthogonal_polynomials, _name), to_float, **_options)
    publish(_op, name=_name)

#: The exponentially growing kind has other names too, under which PyTorch knows no gradient.
for _name, _function in {"i0": special_functions.i0, "i1": special_functions.i1}.items():
    publish(_function, name=f"modified_bessel_{_name}")
