"""How a gamma or beta sample moves with the parameters of its distribution, its quantile held fixed.

These are the gradients -(d cdf / d parameter) / pdf of implicit reparameterisation, by a Taylor
series near the border, a saddle point expansion where parameters are large, and a rational
approximation fitted in between (Jankowiak and Obermeyer, "Pathwise derivatives beyond the
reparameterization trick", 2018), with PyTorch's bounds between the three.
"""

import math

import numpy as np

from .typed import formula

_DIGAMMA_SERIES = (
    8.33333333333333333333e-2, -2.10927960927960927961e-2, 7.57575757575757575758e-3,
    -4.16666666666666666667e-3, 3.96825396825396825397e-3, -8.33333333333333333333e-3,
    8.33333333333333333333e-2,
)  # fmt: skip


@formula
def digamma(x):
    """The derivative of ln gamma(x) at a positive float64."""
    result = 0.0
    while x < 10.0:
        result -= 1.0 / x
        x += 1.0
    z = 1.0 / (x * x)
    series = 0.0
    for coefficient in _DIGAMMA_SERIES:
        series = series * z + coefficient
    return result + math.log(x) - 0.5 / x - series * z


# Gamma --------------------------------------------------------------------------------------------

#: Numerator and denominator in powers of ln alpha, each a quadratic in ln(x / alpha).
_GAMMA_CONSTANT = (
    0.16009398, -0.094634809, 0.025146376, -0.0030648343, 1.0, 0.32668115, 0.10406089, 0.0014179084,
)  # fmt: skip
_GAMMA_LINEAR = (
    0.53487893, 0.1298071, 0.065735949, -0.0015649758, 0.16639465, 0.020070113, -0.0035938915,
    -0.00058392623,
)  # fmt: skip
_GAMMA_QUADRATIC = (
    0.040121004, -0.0065914022, -0.0026286047, -0.0013441777, 0.017050642, -0.0021309326,
    0.00085092367, -1.5247877e-07,
)  # fmt: skip


@formula
def standard_gamma_gradient(concentration, sample):
    """d sample / d concentration of a gamma sample of rate 1."""
    alpha, x = np.float64(concentration), np.float64(sample)
    if x < np.float64(np.float32(0.8)):
        return _gamma_series(alpha, x)
    if alpha > 8.0:
        return _gamma_saddle_point(alpha, x)
    return _gamma_rational(alpha, x)


@formula
def _gamma_series(alpha, x):
    term, divisor = 1.0, alpha
    first, second = term / divisor, term / (divisor * divisor)
    for i in range(1, 6):
        term *= -x / i
        divisor += 1.0
        first += term / divisor
        second += term / (divisor * divisor)
    power = math.pow(x, alpha)
    density = math.pow(x, alpha - 1.0) * math.exp(-x)
    moved = (np.log(x) - digamma(alpha)) * power * first - power * second
    result = -moved / density
    return 0.0 if result != result else result


@formula
def _gamma_saddle_point(alpha, x):
    if np.float64(np.float32(0.9)) * alpha <= x <= np.float64(np.float32(1.1)) * alpha:
        left = 1.0 + 24.0 * alpha * (1.0 + 12.0 * alpha)
        right = (
            1440.0 * (alpha * alpha) + 6.0 * x * (53.0 - 120.0 * x) - 65.0 * x * x / alpha
            + alpha * (107.0 + 3600.0 * x)
        )  # fmt: skip
        return left * right / (1244160.0 * (alpha * alpha) * (alpha * alpha))
    root = math.sqrt(8.0 * alpha)
    ratio = math.log(x / alpha)
    pole = root / (alpha - x)
    bend = math.pow(x - alpha - alpha * ratio, -1.5)
    both = pole - bend if x < alpha else pole + bend
    inner = ratio * both - math.sqrt(2.0 / alpha) * (alpha + x) / ((alpha - x) * (alpha - x))
    stirling = 1.0 + 1.0 / (12.0 * alpha) * (1.0 + 1.0 / (24.0 * alpha))
    return -stirling * x * inner / root


@formula
def _gamma_rational(alpha, x):
    u, v = math.log(x / alpha), math.log(alpha)
    p, q = 0.0, 0.0
    for i in range(3, -1, -1):
        p = p * v + (_GAMMA_CONSTANT[i] + u * (_GAMMA_LINEAR[i] + u * _GAMMA_QUADRATIC[i]))
        q = q * v + (
            _GAMMA_CONSTANT[i + 4] + u * (_GAMMA_LINEAR[i + 4] + u * _GAMMA_QUADRATIC[i + 4])
        )
    return math.exp(p / q)


# Beta and Dirichlet -------------------------------------------------------------------------------

#: [powers of ln x][powers of ln(alpha / x)][powers of ln(total x / alpha)]
_BETA_NUMERATOR = (
    ((1.003668233, -0.01061107488, -0.0657888334, 0.01201642863),
     (0.6336835991, -0.3557432599, 0.05486251648, -0.001465281033),
     (-0.03276231906, 0.004474107445, 0.002429354597, -0.0001557569013)),
    ((0.221950385, -0.3187676331, 0.01799915743, 0.01074823814),
     (-0.2951249643, 0.06219954479, 0.01535556598, 0.001550077057),
     (0.02155310298, 0.004170831599, 0.001292462449, 6.976601077e-05)),
    ((-0.05980841433, 0.008441916499, 0.01085618172, 0.002319392565),
     (0.02911413504, 0.01400243777, -0.002721828457, 0.000751041181),
     (0.005900514878, -0.001936558688, -9.495446725e-06, 5.385558597e-05)),
)  # fmt: skip
_BETA_DENOMINATOR = (
    ((1.0, -0.02924021934, -0.04438342661, 0.007285809825),
     (0.6357567472, -0.3473456711, 0.05454656494, -0.002407477521),
     (-0.03301322327, 0.004845219414, 0.00231480583, -0.0002307248149)),
    ((0.5925320577, -0.1757678135, 0.01505928619, 0.000564515273),
     (0.1014815858, -0.06589186703, 0.01272886114, -0.0007316646956),
     (-0.007258481865, 0.001096195486, 0.0003934994223, -4.12701925e-05)),
    ((0.06469649321, -0.0236701437, 0.002902096474, -5.896963079e-05),
     (0.001925008108, -0.002869809258, 0.0008000589141, -6.063713228e-05),
     (-0.0003477407336, 6.959756487e-05, 1.097287507e-05, -1.650964693e-06)),
)  # fmt: skip


@formula
def dirichlet_gradient(sample, concentration, total):
    """d x / d alpha over 1 - x, of a beta sample x with parameters alpha and total - alpha."""
    x, alpha = np.float64(sample), np.float64(concentration)
    beta = np.float64(total) - alpha
    border = np.float64(total) * x * (1.0 - x)
    if x <= 0.5 and border < 2.5:
        return _beta_by_alpha_near_zero(x, alpha, beta)
    if x >= 0.5 and border < 0.75:
        return -_beta_by_beta_near_zero(1.0 - x, beta, alpha)
    if alpha > 6.0 and beta > 6.0:
        return _beta_saddle_point(x, alpha, beta)
    return _beta_rational(x, alpha, np.float64(total))


@formula
def _beta_by_alpha_near_zero(x, alpha, beta):
    factor = digamma(alpha) - digamma(alpha + beta) - np.log(x)
    term = 1.0
    series = term / alpha * (factor + 1.0 / alpha)
    for i in range(1, 11):
        term *= (i - beta) * x / i
        divisor = alpha + i
        series += term / divisor * (factor + 1.0 / divisor)
    result = x * math.pow(1.0 - x, -beta) * series
    return 0.0 if result != result else result


@formula
def _beta_by_beta_near_zero(x, alpha, beta):
    factor = digamma(alpha + beta) - digamma(beta)
    term, product, derivative = 1.0, 1.0, 0.0
    series = factor / alpha
    for i in range(1, 9):
        term *= -x / i
        derivative = derivative * (beta - i) + product
        product *= beta - i
        series += term / (alpha + i) * (derivative + factor * product)
    result = -math.pow(1.0 - x, 1.0 - beta) * series
    return 0.0 if result != result else result


@formula
def _stirling_factor(a):
    return 1.0 + 1.0 / (12.0 * a) + 1.0 / (288.0 * a * a)


@formula
def _beta_saddle_point(x, alpha, beta):
    total = alpha + beta
    mean = alpha / total
    std = math.sqrt(alpha * beta / (total + 1.0)) / total
    if mean - 0.1 * std <= x <= mean + 0.1 * std:
        return _beta_at_the_mean(x, alpha, beta)
    prefactor = -x / math.sqrt(2.0 * alpha * beta / total)
    stirling = _stirling_factor(alpha) * _stirling_factor(beta) / _stirling_factor(total)
    away = alpha * (x - 1.0) + beta * x
    steep = 2.0 * (alpha * alpha) * (x - 1.0) + alpha * beta * (x - 1.0) - x * (beta * beta)
    steep /= math.sqrt(2.0 * alpha / beta) * math.pow(total, 1.5) * away * away
    half_log = 0.5 * math.log(alpha / (total * x))
    pole = math.sqrt(8.0 * alpha * beta / total) / away
    divergence = beta * math.log(beta / (total * (1.0 - x))) + alpha * math.log(alpha / (total * x))
    bend = math.pow(divergence, -1.5)
    return stirling * prefactor * (steep + half_log * (pole + (bend if x < mean else -bend)))


@formula
def _beta_at_the_mean(x, alpha, beta):
    """The expansion without its singularity at the mean."""
    total = alpha + beta
    b2, b3, b4 = beta * beta, beta * beta * beta, (beta * beta) * (beta * beta)
    fourth = 8.0 * (1.0 - x) * (135.0 * beta - 11.0)
    third = (453.0 + 1620.0 * beta * (1.0 - x) - 455.0 * x) * beta + alpha * fourth
    second = 3.0 * (59.0 + 180.0 * beta - 90.0 * x) * b2 + alpha * third
    first = (43.0 + 20.0 * (16.0 + 27.0 * beta) * x) * b3 + alpha * second
    polynomial = 47.0 * x * b4 + alpha * first
    numerator = (1.0 + 12.0 * alpha) * (1.0 + 12.0 * beta) / (total * total)
    denominator = 12960.0 * alpha * alpha * alpha * b2 * (1.0 + 12.0 * total)
    return numerator / (1.0 - x) * polynomial / denominator


@formula
def _beta_rational(x, alpha, total):
    u = math.log(x)
    a = math.log(alpha) - u
    b = math.log(total) - a
    p, q = 0.0, 0.0
    power_of_u = 1.0
    for i in range(3):
        power = power_of_u
        for j in range(3):
            c, d = _BETA_NUMERATOR[i][j], _BETA_DENOMINATOR[i][j]
            p += power * (c[0] + b * (c[1] + b * (c[2] + b * c[3])))
            q += power * (d[0] + b * (d[1] + b * (d[2] + b * d[3])))
            power *= a
        power_of_u *= u
    approximation = x * (digamma(total) - digamma(alpha)) / (total - alpha)
    return p / q * approximation
