"""The Schur form of one square matrix, which need not be symmetric: Hessenberg form, then QR steps.

A matrix is a run of its elements, row by row (Golub and Van Loan, Matrix Computations, 7.4 and 7.5).
With Z the product of all reflections and rotations, A = Z T Z^H. A real matrix stays real, its complex
pairs of eigenvalues in blocks of two rows.
"""

import math

from numba.extending import register_jitable

from .eigenvalues import MOST_STEPS
from .orthogonal_factors import reflect, reflector
from .roots import sqrt
from .typed import like


@register_jitable
def hessenberg(a, z, taus, work, n):
    """a = Z^H a Z, 0 below its subdiagonal; z = Z."""
    for k in range(n - 1):
        start, count = (k + 1) * n + k, n - k - 1
        taus[k] = reflector(a, start, n, count)
        reflect(a, start, n, taus[k].conjugate(), a, n, k + 1, k + 1, count, work)
        for row in range(n):
            _reflect_from_right(a, start, taus[k], row * n + k + 1, count, n)
    for i in range(n):
        for j in range(n):
            z[i * n + j] = 1 if i == j else 0
    for step in range(n - 1):
        k = n - 2 - step
        reflect(a, (k + 1) * n + k, n, taus[k], z, n, k + 1, k + 1, n - k - 1, work)
    for i in range(2, n):
        for j in range(i - 1):
            a[i * n + j] = 0


@register_jitable
def _reflect_from_right(a, start, tau, begin, count, n):
    """Apply I - tau v v^H, v below a[start], to `count` elements of a row."""
    product = a[begin]
    for j in range(1, count):
        product += a[begin + j] * a[start + j * n]
    product *= tau
    a[begin] -= product
    for j in range(1, count):
        a[begin + j] -= product * a[start + j * n].conjugate()


@register_jitable
def start_of_block(h, end, n):
    """Where the last block without a negligible subdiagonal element begins; that element becomes 0."""
    low = end
    while low > 0:
        place = low * n + low
        scale = abs(h[place - n - 1]) + abs(h[place])
        if scale == 0:
            for j in range(max(low - 2, 0), min(low + 2, n)):
                scale += abs(h[(low - 1) * n + j])
        if scale + abs(h[place - 1]) == scale:
            h[place - 1] = 0
            break
        low -= 1
    return low


# Real matrices ------------------------------------------------------------------------------------


@register_jitable
def real_schur(h, z, info, n):
    """QR steps with two shifts at once (Francis), until all blocks have one or two rows."""
    info[0] = 0
    end, step = n - 1, 0
    while end >= 0:
        low = start_of_block(h, end, n)
        if low < end - 1:
            if step == MOST_STEPS:
                info[0] = end + 1
                return
            _francis_step(h, z, low, end, step % 10 == 9, n)
            step += 1
            continue
        if low == end - 1:
            _part_real_pair(h, z, low, n)
        end, step = low - 1, 0


@register_jitable
def _francis_step(h, z, low, end, exceptional, n):
    """Z^T h Z, where Z begins with the first column of (h - s I)(h - s' I)."""
    place = end * n + end
    trace = h[place - n - 1] + h[place]
    product = h[place - n - 1] * h[place] - h[place - n] * h[place - 1]
    if exceptional:
        trace = like(trace, 1.5) * (abs(h[place - 1]) + abs(h[place - n - 2]))
        product = trace * trace / like(trace, 2.25)
    else:
        half = like(trace, 0.5) * trace
        square = half * half - product
        if square >= 0:  # both shifts real: the one nearer to the last element, twice
            root = sqrt(square)
            shift = half + root if abs(half + root - h[place]) < abs(half - root - h[place]) else half - root  # fmt: skip
            trace, product = shift + shift, shift * shift
    first = low * n + low
    x = h[first] * (h[first] - trace) + h[first + 1] * h[first + n] + product
    y = h[first + n] * (h[first] + h[first + n + 1] - trace)
    w = h[first + n] * h[first + 2 * n + 1]
    for k in range(low, end):
        three = k < end - 1
        _reflect_at(h, z, x, y, w if three else like(x, 0), k, low, end, three, n)
        x, y = h[(k + 1) * n + k], like(x, 0)
        if k < end - 1:
            y = h[(k + 2) * n + k]
        w = h[(k + 3) * n + k] if k < end - 2 else like(x, 0)


@register_jitable
def _reflect_at(h, z, x, y, w, k, low, end, three, n):
    """The reflection that maps (x, y, w) to (beta, 0, 0), on rows and columns k to k + 2."""
    size = max(abs(x), max(abs(y), abs(w)))
    if size == 0 or (y == 0 and w == 0):
        return
    x, y, w = x / size, y / size, w / size
    norm = sqrt(x * x + y * y + w * w)
    beta = norm if x < 0 else -norm
    tau = (beta - x) / beta
    v, u = y / (x - beta), w / (x - beta)
    if k > low:
        h[k * n + k - 1] = beta * size
        h[(k + 1) * n + k - 1] = 0
        if three:
            h[(k + 2) * n + k - 1] = 0
    for j in range(k, n):
        place = k * n + j
        total = h[place] + v * h[place + n]
        if three:
            total += u * h[place + 2 * n]
        total *= tau
        h[place] -= total
        h[place + n] -= total * v
        if three:
            h[place + 2 * n] -= total * u
    for i in range(min(k + 3, end) + 1):
        _reflect_three(h, i * n + k, tau, v, u, three)
    for i in range(n):
        _reflect_three(z, i * n + k, tau, v, u, three)


@register_jitable
def _reflect_three(a, place, tau, v, u, three):
    """Apply I - tau (1, v, u)(1, v, u)^T to three elements of a row, or to two."""
    total = a[place] + v * a[place + 1]
    if three:
        total += u * a[place + 2]
    total *= tau
    a[place] -= total
    a[place + 1] -= total * v
    if three:
        a[place + 2] -= total * u


@register_jitable
def _part_real_pair(h, z, k, n):
    """Make the block of rows k and k + 1 triangular if its eigenvalues are real."""
    place = k * n + k
    a, b, c, d = h[place], h[place + 1], h[place + n], h[place + n + 1]
    p = like(a, 0.5) * (a - d)
    square = p * p + b * c
    if square < 0:
        return
    root = sqrt(square)
    eigenvalue_beside = p + root if p >= 0 else p - root  # less d
    norm = math.hypot(eigenvalue_beside, c)
    cosine, sine = eigenvalue_beside / norm, c / norm
    for j in range(k, n):
        x, y = h[k * n + j], h[(k + 1) * n + j]
        h[k * n + j], h[(k + 1) * n + j] = cosine * x + sine * y, cosine * y - sine * x
    for i in range(k + 2):
        x, y = h[i * n + k], h[i * n + k + 1]
        h[i * n + k], h[i * n + k + 1] = cosine * x + sine * y, cosine * y - sine * x
    for i in range(n):
        x, y = z[i * n + k], z[i * n + k + 1]
        z[i * n + k], z[i * n + k + 1] = cosine * x + sine * y, cosine * y - sine * x
    h[(k + 1) * n + k] = 0


@register_jitable
def complex_of_real(h, z, t, u, n):
    """t and u = the complex Schur form of the real one: its blocks of two rows become triangular."""
    for i in range(n * n):
        t[i] = h[i]
        u[i] = z[i]
    for k in range(n - 1):
        place = k * n + k
        if h[place + n] != 0:
            p = like(h[place], 0.5) * (h[place] - h[place + n + 1])
            root = sqrt(-(p * p + h[place + 1] * h[place + n]))
            beside = like(t[place], 0) + p + root * like(t[place], 1j)
            _rotate(t, u, k, beside, like(t[place], 0) + h[place + n], n)
            eigenvalue = h[place + n + 1] + beside
            t[place], t[place + n + 1], t[place + n] = eigenvalue, eigenvalue.conjugate(), 0


# Complex matrices ---------------------------------------------------------------------------------


@register_jitable
def _rotate(t, u, k, x, y, n):
    """Z^H t Z with the rotation of rows k and k + 1 whose first column is along (x, y)."""
    norm = math.hypot(math.hypot(x.real, x.imag), math.hypot(y.real, y.imag))
    if norm == 0:
        return
    c, s = x / norm, y / norm
    for j in range(n):
        place = k * n + j
        p, q = t[place], t[place + n]
        t[place] = c.conjugate() * p + s.conjugate() * q
        t[place + n] = c * q - s * p
    for i in range(n):
        _rotate_two(t, i * n + k, c, s)
        _rotate_two(u, i * n + k, c, s)


@register_jitable
def _rotate_two(a, place, c, s):
    p, q = a[place], a[place + 1]
    a[place] = c * p + s * q
    a[place + 1] = c.conjugate() * q - s.conjugate() * p


@register_jitable
def complex_schur(t, u, info, n):
    """QR steps with Wilkinson's shift, until t is triangular."""
    info[0] = 0
    end, step = n - 1, 0
    while end >= 0:
        low = start_of_block(t, end, n)
        if low == end:
            end, step = end - 1, 0
            continue
        if step == MOST_STEPS:
            info[0] = end + 1
            return
        shift = _shift(t, end, n)
        if step % 10 == 9:
            shift = t[end * n + end] + abs(t[end * n + end - 1])
        x, y = t[low * n + low] - shift, t[(low + 1) * n + low]
        for k in range(low, end):
            _rotate(t, u, k, x, y, n)
            if k > low:
                t[(k + 1) * n + k - 1] = 0
            if k < end - 1:
                x, y = t[(k + 1) * n + k], t[(k + 2) * n + k]
        step += 1


@register_jitable
def _shift(t, end, n):
    """The eigenvalue of the last two rows that is nearer to the last element."""
    place = end * n + end
    a, b, c, d = t[place - n - 1], t[place - n], t[place - 1], t[place]
    p = like(a, 0.5) * (a - d)
    root = sqrt(p * p + b * c)
    if p.real * root.real + p.imag * root.imag < 0:
        root = -root
    beside = p + root
    return d if beside == 0 else d - b * c / beside


# Eigenvectors -------------------------------------------------------------------------------------


@register_jitable
def eigenvectors(t, u, values, vectors, work, real_values, n):
    """values = the diagonal of t; the columns of `vectors`, of length 1, = its eigenvectors by u.

    The largest element of a vector is real. With `real_values` the matrix was real: vectors of real
    values are real, those of a pair are conjugates.
    """
    norm = like(abs(t[0]), 0)
    for i in range(n * n):
        norm = max(norm, abs(t[i]))
    for j in range(n):
        values[j] = t[j * n + j]
        if real_values and j > 0 and values[j].imag < 0 and values[j] == values[j - 1].conjugate():
            for i in range(n):
                vectors[i * n + j] = vectors[i * n + j - 1].conjugate()
            continue
        _solve_triangular(t, work, norm, j, n)
        size = like(norm, 0)
        largest = 0
        for i in range(n):
            total = like(t[0], 0)
            for k in range(j + 1):
                total += u[i * n + k] * work[k]
            vectors[i * n + j] = total
            if abs(total) > size:
                size, largest = abs(total), i
        _normalise(vectors, j, size, largest, real_values and values[j].imag == 0, n)


@register_jitable
def _epsilon(x):
    """The distance from 1 to the next number of the type of x."""
    one = like(x, 1)
    found = one
    while one + like(x, 0.5) * found > one:
        found = like(x, 0.5) * found
    return found


@register_jitable
def _solve_triangular(t, x, norm, j, n):
    """x with t x = t[j, j] x and x[j] = 1, made smaller where it grows beyond bounds."""
    x[j] = 1
    value = t[j * n + j]
    tiny = norm * _epsilon(norm) + like(norm, 1e-30)
    for step in range(j):
        i = j - 1 - step
        total = like(value, 0)
        for k in range(i + 1, j + 1):
            total += t[i * n + k] * x[k]
        gap = t[i * n + i] - value
        if abs(gap) < tiny:
            gap = like(value, 0) + tiny
        x[i] = -total / gap
        size = abs(x[i])
        if size > 1e15:
            for k in range(i, j + 1):
                x[k] = x[k] / size


@register_jitable
def _normalise(vectors, j, size, largest, real, n):
    """Give column j length 1: real, or with its largest element real and positive."""
    total = like(size, 0)
    for i in range(n):
        ratio = abs(vectors[i * n + j]) / size
        total += ratio * ratio
    length = size * sqrt(total)
    turn = vectors[largest * n + j].conjugate() / size
    for i in range(n):
        element = vectors[i * n + j] / length
        vectors[i * n + j] = like(element, 0) + element.real if real else element * turn


@register_jitable
def eig_of_real(a, z, t, u, values, vectors, taus, work, complex_work, info, n):
    """Eigenvalues and eigenvectors of the real matrix a, which is overwritten."""
    info[0] = 0
    if n == 0:
        return
    hessenberg(a, z, taus, work, n)
    real_schur(a, z, info, n)
    complex_of_real(a, z, t, u, n)
    eigenvectors(t, u, values, vectors, complex_work, True, n)


@register_jitable
def eig_of_complex(a, z, values, vectors, taus, work, info, n):
    """Eigenvalues and eigenvectors of the complex matrix a, which is overwritten."""
    info[0] = 0
    if n == 0:
        return
    hessenberg(a, z, taus, work, n)
    complex_schur(a, z, info, n)
    eigenvectors(a, z, values, vectors, work, False, n)
