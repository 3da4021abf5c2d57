"""Reflections by Householder's method, and the QR factors of one matrix.

A matrix is a run of its elements, row by row. A reflection is I - tau v v^H, where v[0] = 1; signs
are those of LAPACK.
"""

import math

from numba.extending import register_jitable

from .arithmetic import div
from .roots import sqrt
from .triangular_factors import subtract_row
from .typed import like


@register_jitable
def column_norm(a, start, step, count):
    """The 2-norm of `count` elements, `step` apart, without overflow on the way."""
    largest = like(abs(a[start]), 0)
    for i in range(count):
        largest = max(largest, abs(a[start + i * step]))
    if largest == 0 or largest - largest != 0:
        return largest
    total = like(largest, 0)
    for i in range(count):
        ratio = abs(a[start + i * step]) / largest
        total += ratio * ratio
    return largest * sqrt(total)


@register_jitable
def reflector(a, start, step, count):
    """tau of the reflection whose adjoint maps a column to (beta, 0, ...).

    The column becomes (beta, v[1], v[2], ...).
    """
    head = a[start]
    if count < 1:
        return like(head, 0)
    rest = column_norm(a, start + step, step, count - 1) if count > 1 else like(abs(head), 0)
    if rest == 0 and head.imag == 0:
        return like(head, 0)
    norm = math.hypot(math.hypot(head.real, head.imag), rest)
    beta = norm if head.real < 0 else -norm
    tau = (beta - head) / beta
    scale = head - beta
    for i in range(1, count):
        a[start + i * step] = div(a[start + i * step], scale)
    a[start] = beta
    return tau


@register_jitable
def reflect(a, start, step, tau, target, columns, row, column, count, work):
    """Apply I - tau v v^H, v below a[start], to target[row : row + count, column:]."""
    if tau == 0:
        return
    width = columns - column
    products = work[:width]
    for i in range(count):
        weight = like(tau, 1) if i == 0 else a[start + i * step].conjugate()
        begin = (row + i) * columns + column
        own = target[begin : begin + width]
        for j in range(width):
            products[j] = weight * own[j] if i == 0 else products[j] + weight * own[j]
    for i in range(count):
        weight = tau if i == 0 else tau * a[start + i * step]
        begin = (row + i) * columns + column
        subtract_row(target[begin : begin + width], weight, products)


@register_jitable
def qr(a, taus, work, rows, columns):
    """R in the upper triangle of a, the vectors v of the reflections below it."""
    for k in range(min(rows, columns)):
        taus[k] = reflector(a, k * columns + k, columns, rows - k)
        reflect(
            a, k * columns + k, columns, taus[k].conjugate(), a, columns, k, k + 1, rows - k, work
        )  # fmt: skip


@register_jitable
def form_q(q, a, taus, work, rows, columns, q_columns, reflections):
    """q (rows x q_columns) = the product of the first reflections of a (rows x columns)."""
    for i in range(rows):
        for j in range(q_columns):
            q[i * q_columns + j] = 1 if i == j else 0
    for step in range(reflections):
        k = reflections - 1 - step
        reflect(a, k * columns + k, columns, taus[k], q, q_columns, k, k, rows - k, work)


@register_jitable
def complete_rows(q, known, rows, columns):
    """Give q (rows x columns), whose rows are orthonormal or marked 0 in `known`, the missing ones."""
    for r in range(rows):
        if known[r]:
            continue
        own = q[r * columns : (r + 1) * columns]
        axis = _farthest_axis(q, known, rows, columns)
        for j in range(columns):
            own[j] = 1 if j == axis else 0
        for _ in range(2):
            for other in range(rows):
                if known[other]:
                    row = q[other * columns : (other + 1) * columns]
                    product = like(own[0], 0)
                    for j in range(columns):
                        product += row[j].conjugate() * own[j]
                    subtract_row(own, product, row)
        norm = column_norm(own, 0, 1, columns)
        for j in range(columns):
            own[j] = own[j] / norm
        known[r] = 1


@register_jitable
def _farthest_axis(q, known, rows, columns):
    """The axis whose unit vector lies farthest from the span of the known rows."""
    best, least = 0, 2.0
    for j in range(columns):
        inside = 0.0
        for r in range(rows):
            if known[r]:
                inside += abs(q[r * columns + j]) ** 2
        if inside < least:
            best, least = j, inside
    return best
