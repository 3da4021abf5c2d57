"""Eigenvalues and eigenvectors of one Hermitian matrix: tridiagonal form, then implicit QL steps.

A matrix is a run of its elements, row by row (Golub and Van Loan, Matrix Computations, 8.3).
"""

import math

from numba.extending import register_jitable

from .orthogonal_factors import reflect, reflector
from .typed import like

#: Steps after which an eigenvalue counts as lost.
MOST_STEPS = 60


@register_jitable
def tridiagonalise(a, taus, diagonal, beside, work, n):
    """Reflections that make a tridiagonal: their vectors in a, the real diagonals beside it."""
    for k in range(n - 1):
        count = n - k - 1
        start = (k + 1) * n + k
        tau = reflector(a, start, n, count)
        taus[k] = tau
        beside[k] = a[start].real
        if tau != 0:
            a[start] = 1
            _reflect_both_sides(a, start, tau, k + 1, count, work, n)
            a[start] = beside[k]
    for k in range(n):
        diagonal[k] = a[k * n + k].real
    if n > 1:
        taus[n - 1] = 0
    if n > 0:
        beside[n - 1] = 0


@register_jitable
def _reflect_both_sides(a, start, tau, first, count, work, n):
    """A = H^H A H on the trailing part of a, by a Hermitian update of rank two."""
    product = like(tau, 0)
    for i in range(count):
        row = a[(first + i) * n + first : (first + i) * n + n]
        total = like(tau, 0)
        for j in range(count):
            total += row[j] * a[start + j * n]
        work[i] = tau * total
        product += work[i].conjugate() * a[start + i * n]
    half = like(tau, 0.5) * tau * product
    for i in range(count):
        work[i] -= half * a[start + i * n]
    for i in range(count):
        row = a[(first + i) * n + first : (first + i) * n + n]
        v, w = a[start + i * n], work[i]
        for j in range(count):
            row[j] -= v * work[j].conjugate() + w * a[start + j * n].conjugate()


@register_jitable
def rotate_rows(first, second, c, s):
    """(first, second) = (c first - s second, s first + c second)"""
    for k in range(len(first)):
        x, y = first[k], second[k]
        first[k] = c * x - s * y
        second[k] = s * x + c * y


@register_jitable
def ql_steps(d, e, z, info, n, vectors):
    """Eigenvalues d of the tridiagonal matrix (d, e); the rows of z are rotated along."""
    info[0] = 0
    for low in range(n):
        for step in range(MOST_STEPS + 1):
            end = low
            while end < n - 1:
                scale = abs(d[end]) + abs(d[end + 1])
                if scale + abs(e[end]) == scale:
                    break
                end += 1
            if end == low:
                break
            if step == MOST_STEPS:
                info[0] = low + 1
                return
            _ql_step(d, e, z, low, end, n, vectors)


@register_jitable
def _ql_step(d, e, z, low, end, n, vectors):
    """One implicit step with Wilkinson's shift on the block from `low` to `end`."""
    g = (d[low + 1] - d[low]) / (e[low] + e[low])
    r = math.hypot(g, like(d[low], 1))
    g = d[end] - d[low] + e[low] / (g + math.copysign(r, g))
    s, c, p = like(d[low], 1), like(d[low], 1), like(d[low], 0)
    i = end - 1
    while i >= low:
        f, b = s * e[i], c * e[i]
        r = math.hypot(f, g)
        e[i + 1] = r
        if r == 0:
            d[i + 1] -= p
            e[end] = 0
            return
        s, c = f / r, g / r
        g = d[i + 1] - p
        r = (d[i] - g) * s + (c + c) * b
        p = s * r
        d[i + 1] = g + p
        g = c * r - b
        if vectors:
            rotate_rows(z[i * n : (i + 1) * n], z[(i + 1) * n : (i + 2) * n], c, s)
        i -= 1
    d[low] -= p
    e[low] = g
    e[end] = 0


@register_jitable
def eigh(a, values, z, taus, beside, work, info, n, vectors):
    """Eigenvalues in ascending order, and the rows of z = the eigenvectors; a is overwritten."""
    if n == 0:
        info[0] = 0
        return
    tridiagonalise(a, taus, values, beside, work, n)
    if vectors:
        _form_transposed(z, a, taus, work, n)
    ql_steps(values, beside, z, info, n, vectors)
    for i in range(n - 1):
        least = i
        for j in range(i + 1, n):
            if values[j] < values[least]:
                least = j
        if least != i:
            values[i], values[least] = values[least], values[i]
            if vectors:
                for k in range(n):
                    z[i * n + k], z[least * n + k] = z[least * n + k], z[i * n + k]


@register_jitable
def _form_transposed(z, a, taus, work, n):
    """z = the transpose of the product of the reflections."""
    for i in range(n):
        for j in range(n):
            z[i * n + j] = 1 if i == j else 0
    for step in range(n - 1):
        k = n - 2 - step
        reflect(a, (k + 1) * n + k, n, taus[k], z, n, k + 1, k + 1, n - k - 1, work)
    for i in range(n):
        for j in range(i):
            z[i * n + j], z[j * n + i] = z[j * n + i], z[i * n + j]
