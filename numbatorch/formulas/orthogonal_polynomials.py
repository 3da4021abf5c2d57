"""Orthogonal polynomials of degree n, by their recurrences (Abramowitz and Stegun, 22.7).

The degree is rounded towards 0; polynomials of negative degree are 0.
"""

from .typed import formula, like


@formula
def _degree(n):
    """n as an integer, -1 for what is none"""
    return int(n) if abs(n) < like(n, 1e9) else -1


@formula
def _chebyshev(x, first, n):
    """p(0) = 1, p(1) = first, p(k + 1) = 2 x p(k) - p(k - 1)"""
    degree = _degree(n)
    if degree < 0:
        return like(x, 0)
    older, newer = like(x, 1), first
    for _ in range(degree):
        older, newer = newer, (x + x) * newer - older
        if older != older:
            break
    return older


@formula
def chebyshev_polynomial_t(x, n):
    """Chebyshev's polynomial of the first kind"""
    return _chebyshev(x, x, n)


@formula
def chebyshev_polynomial_u(x, n):
    """Chebyshev's polynomial of the second kind"""
    return _chebyshev(x, x + x, n)


@formula
def chebyshev_polynomial_v(x, n):
    """Chebyshev's polynomial of the third kind"""
    return _chebyshev(x, x + x - like(x, 1), n)


@formula
def chebyshev_polynomial_w(x, n):
    """Chebyshev's polynomial of the fourth kind"""
    return _chebyshev(x, x + x + like(x, 1), n)


@formula
def shifted_chebyshev_polynomial_t(x, n):
    """Chebyshev's polynomial of the first kind, of 2 x - 1"""
    return chebyshev_polynomial_t(x + x - like(x, 1), n)


@formula
def shifted_chebyshev_polynomial_u(x, n):
    """Chebyshev's polynomial of the second kind, of 2 x - 1"""
    return chebyshev_polynomial_u(x + x - like(x, 1), n)


@formula
def shifted_chebyshev_polynomial_v(x, n):
    """Chebyshev's polynomial of the third kind, of 2 x - 1"""
    return chebyshev_polynomial_v(x + x - like(x, 1), n)


@formula
def shifted_chebyshev_polynomial_w(x, n):
    """Chebyshev's polynomial of the fourth kind, of 2 x - 1"""
    return chebyshev_polynomial_w(x + x - like(x, 1), n)


@formula
def hermite_polynomial_h(x, n):
    """The physicist's Hermite polynomial"""
    degree = _degree(n)
    if degree < 0:
        return like(x, 0)
    older, newer = like(x, 1), x + x
    for k in range(1, degree + 1):
        older, newer = newer, (x + x) * newer - like(x, 2 * k) * older
        if older != older:
            break
    return older


@formula
def hermite_polynomial_he(x, n):
    """The probabilist's Hermite polynomial"""
    degree = _degree(n)
    if degree < 0:
        return like(x, 0)
    older, newer = like(x, 1), x
    for k in range(1, degree + 1):
        older, newer = newer, x * newer - like(x, k) * older
        if older != older:
            break
    return older


@formula
def laguerre_polynomial_l(x, n):
    """Laguerre's polynomial"""
    degree = _degree(n)
    if degree < 0:
        return like(x, 0)
    older, newer = like(x, 1), like(x, 1) - x
    for k in range(1, degree + 1):
        weighted = (like(x, 2 * k + 1) - x) * newer - like(x, k) * older
        older, newer = newer, weighted / like(x, k + 1)
        if older != older:
            break
    return older


@formula
def legendre_polynomial_p(x, n):
    """Legendre's polynomial"""
    degree = _degree(n)
    if degree < 0:
        return like(x, 0)
    older, newer = like(x, 1), x
    for k in range(1, degree + 1):
        weighted = like(x, 2 * k + 1) * x * newer - like(x, k) * older
        older, newer = newer, weighted / like(x, k + 1)
        if older != older:
            break
    return older
