"""The discrete Fourier transform of one line of complex numbers.

By Stockham's algorithm for lengths of small prime factors; by Bluestein's for all others, which makes
a convolution of it. Tables of roots of unity come from the caller: roots[k] = exp(-+2 pi i k / n).
"""

from numba.extending import register_jitable

#: Lengths with a larger prime factor than this are transformed by Bluestein's algorithm.
LARGEST_FACTOR = 61


@register_jitable
def next_factor(rest):
    """A factor to transform by next: 4 where it divides, else the least prime."""
    if rest % 4 == 0:
        return 4
    factor = 2
    while rest % factor:
        factor += 1
    return factor


@register_jitable
def transform(x, spare, roots, n):
    """x = its transform, not normalised; `spare` has room for n numbers.

    After each stage, x[p * step + s] is element p of the transform of x[s], x[s + step], ...
    """
    done, step = 1, n
    source, target = x, spare
    stages = 0
    while step > 1:
        factor = next_factor(step)
        step //= factor
        if factor == 4:
            _stage_of_four(source, target, roots, done, step)
        else:
            _stage(source, target, roots, n, done, step, factor)
        done *= factor
        source, target = target, source
        stages += 1
    if stages % 2:
        for i in range(n):
            x[i] = spare[i]


@register_jitable
def _stage(source, target, roots, n, done, step, factor):
    """Combine `factor` transforms of length `done` into one."""
    for p in range(done * factor):
        out = target[p * step : (p + 1) * step]
        first = p % done * factor * step
        for q in range(factor):
            weight = roots[q * p % (done * factor) * step]
            own = source[first + q * step : first + (q + 1) * step]
            if q == 0:
                for s in range(step):
                    out[s] = own[s]
            else:
                for s in range(step):
                    out[s] = out[s] + weight * own[s]


@register_jitable
def _stage_of_four(source, target, roots, done, step):
    """`_stage` for the factor 4, whose roots are 1, -i, -1 and i."""
    for p in range(done):
        first = 4 * p * step
        w1, w2, w3 = roots[p * step], roots[2 * p * step], roots[3 * p * step]
        turn = roots[done * step]  # -i, or i for the inverse
        for s in range(step):
            a = source[first + s]
            b = w1 * source[first + step + s]
            c = w2 * source[first + 2 * step + s]
            d = w3 * source[first + 3 * step + s]
            even, odd = a + c, b + d
            left, right = a - c, turn * (b - d)
            target[p * step + s] = even + odd
            target[(p + done) * step + s] = left + right
            target[(p + 2 * done) * step + s] = even - odd
            target[(p + 3 * done) * step + s] = left - right


@register_jitable
def bluestein(x, work, spare, chirp, spectrum, roots, n, m):
    """x = its transform, not normalised, as a circular convolution of length m >= 2 n - 1.

    chirp[k] = exp(-+i pi k**2 / n); `spectrum` is the transform of its conjugates, over m.
    """
    for k in range(m):
        work[k] = x[k] * chirp[k] if k < n else 0
    transform(work, spare, roots, m)
    for k in range(m):
        work[k] = (work[k] * spectrum[k]).conjugate()
    transform(work, spare, roots, m)
    for k in range(n):
        x[k] = work[k].conjugate() * chirp[k]
