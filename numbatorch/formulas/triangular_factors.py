"""Factors of one matrix that are triangular, and systems solved with them.

A matrix is a run of its elements, row by row; all work in place. `info[0]` is 0, or the number (from
1) of the row where the algorithm met a pivot that it cannot go on with.
"""

from numba.extending import register_jitable

from .arithmetic import div
from .exponential import log
from .roots import sqrt
from .typed import like


@register_jitable
def size_of(x):
    """What pivots are compared by: |re| + |im|, as LAPACK does."""
    return abs(x.real) + abs(x.imag)


@register_jitable
def subtract_row(target, factor, source):
    """target -= factor * source"""
    for j in range(len(target)):
        target[j] -= factor * source[j]


@register_jitable
def lu(a, pivots, info, rows, columns):
    """L (below the diagonal, ones on it) and U in the place of a, by Gaussian elimination.

    Row i was exchanged with row pivots[i] - 1.
    """
    info[0] = 0
    for k in range(min(rows, columns)):
        best = k
        for i in range(k + 1, rows):
            if size_of(a[i * columns + k]) > size_of(a[best * columns + k]):
                best = i
        pivots[k] = best + 1
        pivot = a[best * columns + k]
        if pivot == 0:
            if info[0] == 0:
                info[0] = k + 1
            continue
        if best != k:
            for j in range(columns):
                a[k * columns + j], a[best * columns + j] = (
                    a[best * columns + j],
                    a[k * columns + j],
                )
        row = a[k * columns + k + 1 : (k + 1) * columns]
        for i in range(k + 1, rows):
            factor = div(a[i * columns + k], pivot)
            a[i * columns + k] = factor
            subtract_row(a[i * columns + k + 1 : (i + 1) * columns], factor, row)


@register_jitable
def solve_triangular(a, b, n, columns, upper, unit):
    """b = a^-1 b for a triangular n x n matrix a; what lies on its other side is not looked at."""
    for step in range(n):
        i = n - 1 - step if upper else step
        first, last = (i + 1, n) if upper else (0, i)
        row = b[i * columns : (i + 1) * columns]
        for j in range(first, last):
            subtract_row(row, a[i * n + j], b[j * columns : (j + 1) * columns])
        if not unit:
            diagonal = a[i * n + i]
            for j in range(columns):
                row[j] = div(row[j], diagonal)


@register_jitable
def lu_solve(factors, pivots, b, n, columns):
    """b = a^-1 b from the factors of a."""
    for k in range(n):
        other = pivots[k] - 1
        if other != k:
            for j in range(columns):
                b[k * columns + j], b[other * columns + j] = (
                    b[other * columns + j],
                    b[k * columns + j],
                )
    solve_triangular(factors, b, n, columns, 0, 1)
    solve_triangular(factors, b, n, columns, 1, 0)


@register_jitable
def permutation(order, pivots, rows, count):
    """order[i] = the row of the original matrix that came to be row i."""
    for i in range(rows):
        order[i] = i
    for k in range(count):
        other = pivots[k] - 1
        order[k], order[other] = order[other], order[k]


@register_jitable
def cholesky(a, info, n):
    """The lower L with L L^H = a in the place of a, whose upper triangle is not looked at."""
    info[0] = 0
    for i in range(n):
        for j in range(i + 1):
            total = a[i * n + j]
            for k in range(j):
                total -= a[i * n + k] * a[j * n + k].conjugate()
            if i > j:
                a[i * n + j] = div(total, a[j * n + j])
            elif total.real > 0:
                a[i * n + i] = sqrt(total.real)
            elif info[0] == 0:
                info[0] = i + 1
                return
    for i in range(n):
        for j in range(i + 1, n):
            a[i * n + j] = 0


@register_jitable
def invert(out, a, pivots, info, n):
    """out = a^-1, infinite or NaN where a is singular, and the factors of a in its place."""
    lu(a, pivots, info, n, n)
    for i in range(n):
        for j in range(n):
            out[i * n + j] = 1 if i == j else 0
    lu_solve(a, pivots, out, n, n)


@register_jitable
def solve(x, a, pivots, info, n, columns):
    """x = a^-1 x, infinite or NaN where a is singular, and the factors of a in its place."""
    lu(a, pivots, info, n, n)
    lu_solve(a, pivots, x, n, columns)


@register_jitable
def determinant(out, a, pivots, info, n):
    """out[0] = the determinant of a, whose factors come into its place."""
    lu(a, pivots, info, n, n)
    product = like(out[0], 1)  # not from the old contents, which may be NaN
    for i in range(n):
        product = product * a[i * n + i]
        if pivots[i] != i + 1:
            product = -product
    out[0] = product


@register_jitable
def sign_and_log(sign, logarithm, a, pivots, info, n):
    """sign[0] * exp(logarithm[0]) = the determinant of a, whose factors come into its place."""
    lu(a, pivots, info, n, n)
    own, total = like(sign[0], 1), like(logarithm[0], 0)
    for i in range(n):
        diagonal = a[i * n + i]
        size = abs(diagonal)
        own = own * (diagonal / size if size > 0 else diagonal)
        total += log(size)
        if pivots[i] != i + 1:
            own = -own
    sign[0], logarithm[0] = own, total
