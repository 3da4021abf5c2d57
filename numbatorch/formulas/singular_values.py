"""Singular values and vectors of one matrix, by one-sided rotations (Hestenes, 1958).

A matrix is a run of its elements, row by row.
"""

import math

from numba.extending import register_jitable

from .eigenvalues import MOST_STEPS
from .orthogonal_factors import complete_rows
from .roots import sqrt
from .typed import like


@register_jitable
def row_norm_squared(x):
    """The sum of |x|**2"""
    total = like(x[0].real, 0)
    for i in range(len(x)):
        total += x[i].real * x[i].real + x[i].imag * x[i].imag
    return total


@register_jitable
def inner(x, y):
    """The sum of conj(x) y"""
    total = like(x[0], 0)
    for i in range(len(x)):
        total += x[i].conjugate() * y[i]
    return total


@register_jitable
def svd(w, values, v, known, info, rows, columns, vectors):
    """Singular values in descending order, by rotating pairs of rows of w until all are orthogonal.

    The first `rows` rows of w are the columns of the matrix, of length columns >= rows; they become
    the left singular vectors, completed by the rows that follow. The rows of v become the right
    ones.
    """
    info[0] = 0
    if rows == 0:
        _complete(w, known, 0, columns)
        return
    scale = like(abs(w[0]), 0)
    for i in range(rows * columns):
        size = abs(w[i])
        if size != size:
            info[0] = 1
            return
        scale = max(scale, size)
    if scale - scale != 0:
        info[0] = 1
        return
    if scale > 0:
        for i in range(rows * columns):
            w[i] = w[i] / scale
    for i in range(rows):
        for j in range(rows):
            v[i * rows + j] = 1 if i == j else 0
    info[0] = _orthogonalise(w, v, rows, columns, vectors)
    _to_values(w, values, v, known, scale, rows, columns)
    if vectors:
        _complete(w, known, rows, columns)


@register_jitable
def _complete(w, known, rows, columns):
    total = len(w) // columns if columns else 0
    for i in range(rows, total):
        known[i] = 0
    complete_rows(w, known, total, columns)


@register_jitable
def _orthogonalise(w, v, rows, columns, vectors):
    """Sweeps over all pairs of rows; 0 once a sweep found all of them orthogonal, else 1."""
    one, half = like(w[0].real, 1), like(w[0].real, 0.5)
    epsilon = one
    while one + half * epsilon != one:
        epsilon = half * epsilon
    tolerance = epsilon * like(one, 2) * sqrt(like(one, columns))
    for _ in range(MOST_STEPS):
        rotated = False
        for p in range(rows - 1):
            first = w[p * columns : (p + 1) * columns]
            for q in range(p + 1, rows):
                second = w[q * columns : (q + 1) * columns]
                alpha, beta = row_norm_squared(first), row_norm_squared(second)
                product = inner(first, second)
                size = abs(product)
                if size <= tolerance * sqrt(alpha) * sqrt(beta):
                    continue
                rotated = True
                phase = product.conjugate() / size
                zeta = (beta - alpha) / (size + size)
                t = math.copysign(one, zeta) / (abs(zeta) + math.hypot(one, zeta))
                c = one / math.hypot(one, t)
                _rotate(first, second, phase, c, c * t)
                if vectors:
                    _rotate(v[p * rows : (p + 1) * rows], v[q * rows : (q + 1) * rows], phase, c,
                            c * t)  # fmt: skip
        if not rotated:
            return 0
    return 1


@register_jitable
def _rotate(first, second, phase, c, s):
    for k in range(len(first)):
        x, y = first[k], phase * second[k]
        first[k] = c * x - s * y
        second[k] = s * x + c * y


@register_jitable
def _to_values(w, values, v, known, scale, rows, columns):
    """Norms of the rows into `values`, sorted; the rows normalised, those that are zero marked."""
    for i in range(rows):
        values[i] = sqrt(row_norm_squared(w[i * columns : (i + 1) * columns]))
    for i in range(rows):
        largest = i
        for j in range(i + 1, rows):
            if values[j] > values[largest]:
                largest = j
        if largest != i:
            values[i], values[largest] = values[largest], values[i]
            for k in range(columns):
                w[i * columns + k], w[largest * columns + k] = (
                    w[largest * columns + k],
                    w[i * columns + k],
                )
            for k in range(rows):
                v[i * rows + k], v[largest * rows + k] = v[largest * rows + k], v[i * rows + k]
        known[i] = 1 if values[i] > 0 else 0
        if known[i]:
            for k in range(columns):
                w[i * columns + k] = w[i * columns + k] / values[i]
        values[i] = values[i] * scale
