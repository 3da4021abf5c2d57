"""Special functions by Chebyshev series: modified Bessel functions, the scaled error function.

The coefficients interpolate the functions at Chebyshev points, to the precision of float64.
"""

import math

from numba.extending import register_jitable

from .exponential import exp, log, log1p
from .roots import sqrt
from .special import erfc
from .typed import formula, like

I0_SMALL = (
    0.33839763720473803, -0.30468267234319835, 0.17162090152220866, -0.094901097048047528,
    0.049305284239670601, -0.023737414805899391, 0.01054646039459488, -0.0043243099950504831,
    0.0016394756169411959, -0.00057637557453844575, 0.00018850288509560941,
    -5.7541950100587862e-05, 1.6448448070363608e-05, -4.4167383581178443e-06,
    1.1173875386132533e-06, -2.6707938501413394e-07, 6.0469949757918634e-08,
    -1.3000249723486383e-08, 2.6598232315729515e-09, -5.1897909210859203e-10,
    9.6757310497075366e-11, -1.7267520746599985e-11, 2.9538464267157377e-12,
    -4.8453370945130325e-13, 7.4986313454890777e-14, -1.0070648019204024e-14,
    -8.6921210969611213e-16, 1.8577731945394287e-15, -3.0353034900324853e-15,
    2.4199392489876459e-15,
)  # fmt: skip
I0_LARGE = (
    0.40224520550705445, 0.0033691164782557056, 6.889758346918505e-05, 2.8913705208304448e-06,
    2.0489185896368452e-07, 2.266668989649282e-08, 3.396232076856945e-09, 4.9406022941469262e-10,
    1.1889184896903128e-11, -3.149915266096472e-11, -1.3215701920820725e-11,
    -1.7941896028529427e-12, 7.1811373455939038e-13, 3.8524537607610882e-13,
    1.5563918156473142e-14, -4.1492486220508044e-14, -9.2850612399615651e-15,
    3.8032901214790735e-15, 2.0630143322135386e-15, -3.4157059411434472e-16,
    -3.5143007950686817e-16, 3.1676565453025555e-17, -5.5065594502472369e-16,
    -1.5412414696256566e-17, -6.8195267386964356e-16,
)  # fmt: skip
I1_SMALL = (
    0.12629359322181682, -0.17641651835783406, 0.10264365868984711, -0.052945981208094989,
    0.024726449030626485, -0.010564084894626164, 0.0041564229443128431, -0.0015135724506312052,
    0.00051228595616852209, -0.00016176081582581819, 4.7815651075393552e-05,
    -1.3273163655902613e-05, 3.4702513079423848e-06, -8.5687202624828321e-07,
    2.0032947507925679e-07, -4.4450590983417905e-08, 9.3815370139842829e-09, -1.88724931677749e-09,
    3.6255850343116387e-10, -6.6634351334362861e-11, 1.1735554311354429e-11,
    -1.983389073745812e-12, 3.2177150920602636e-13, -4.986383926408353e-14, 7.0173004652079049e-15,
    -5.5863465091283318e-16, -4.4674841675159967e-16, 5.073659896712531e-16,
    -5.5808985605702006e-16,
)  # fmt: skip
I1_LARGE = (
    0.38928811750914005, -0.0097610974913614722, -0.00011058893876260455, -3.8825648088764421e-06,
    -2.5122362377175349e-07, -2.6314688459289141e-08, -3.8353803517995568e-09,
    -5.5897434243813779e-10, -1.8974937686999481e-11, 3.2526052217253158e-11,
    1.4125903981226506e-11, 2.0356249051707914e-12, -7.1975895619313291e-13,
    -4.0838401823914127e-13, -2.0838456096533492e-14, 4.2715720211089479e-14,
    1.067347204476672e-14, -3.8240288913649883e-15, -1.5899450001541399e-15,
    3.2352497476370748e-16, 2.3659996736183244e-16, -2.227513738351869e-17,
    -6.1822798990650525e-16, 3.28638678862576e-17, -5.7915499206282989e-16,
)  # fmt: skip
ERFCX = (
    1.1775789345674019, -0.0045900545806464499, -0.084249133366517695, 0.059209939998191817,
    -0.026658668435305642, 0.0090749976707050969, -0.0024131635404176892, 0.00049077583652585839,
    -6.9169733025551013e-05, 4.1390279860266885e-06, 7.7403830546035569e-07,
    -2.1886401050137961e-07, 1.0764998412667975e-08, 4.521959709359601e-09,
    -7.7544080075339032e-10, -6.3180990758054406e-11, 2.868650349246014e-11,
    1.9453257725152727e-13, -9.6655530980593575e-13, 3.2440942525070841e-14,
    3.3013421550627057e-14, -1.9706801387064049e-15, -2.1473660226847046e-15,
    -3.1106400983053336e-17, -1.2871948435672166e-15, -7.8275039560653587e-17,
    -1.112896018033203e-15, -1.3467920342289199e-16, -1.3387756398178369e-15,
    -7.5280305814990894e-17, -1.2997590818862426e-15, -7.619490967477702e-17,
    -1.2807241701376324e-15, -2.7256583549870968e-17, -1.2686001115453134e-15,
    -3.8702258841487261e-17, -1.4663164216018345e-15, -8.2227190837945256e-17,
    -1.6011268428206316e-15, -1.3029457898272398e-16, -2.3031943140171981e-16,
)  # fmt: skip


@register_jitable
def chebyshev(x, coefficients):
    """The sum of coefficients[k] T_k(x), by Clenshaw's recurrence."""
    twice = x + x
    older, newer = like(x, 0), like(x, 0)
    for k in range(len(coefficients) - 1, 0, -1):
        older, newer = newer, like(x, coefficients[k]) + twice * newer - older
    return like(x, coefficients[0]) + x * newer - older


@formula
def i0e(x):
    """exp(-|x|) I0(x)"""
    x = abs(x)
    if x <= 8:
        return chebyshev(x * like(x, 0.25) - like(x, 1), I0_SMALL)
    return chebyshev(like(x, 16) / x - like(x, 1), I0_LARGE) / sqrt(x)


@formula
def i1e(x):
    """exp(-|x|) I1(x)"""
    size = abs(x)
    if size <= 8:
        return chebyshev(size * like(x, 0.25) - like(x, 1), I1_SMALL) * x
    found = chebyshev(like(x, 16) / size - like(x, 1), I1_LARGE) / sqrt(size)
    return -found if x < 0 else found


@formula
def i0(x):
    """The modified Bessel function I0"""
    return exp(abs(x)) * i0e(x)


@formula
def i1(x):
    """The modified Bessel function I1"""
    return exp(abs(x)) * i1e(x)


@formula
def erfcx(x):
    """exp(x**2) erfc(x)"""
    if x < 0:
        return exp(x * x) * erfc(x)
    centre = like(x, 3.75)
    if x > 1e7:
        return like(x, 0.5641895835477563) / x  # 1 / sqrt(pi)
    return chebyshev((x - centre) / (x + centre), ERFCX) / (like(x, 1) + x + x)


HALF_ROOT = math.sqrt(0.5)


@formula
def ndtr(x):
    """The standard normal distribution function"""
    return like(x, 0.5) * erfc(-x * like(x, HALF_ROOT))


@formula
def log_ndtr(x):
    """The logarithm of the standard normal distribution function"""
    t = x * like(x, HALF_ROOT)
    if x < -1:
        return log(like(x, 0.5) * erfcx(-t)) - t * t
    return log1p(like(x, -0.5) * erfc(t))


@formula
def ndtri(p):
    """The y with ndtr(y) = p, by Newton's method on the logarithm"""
    zero, one, half = like(p, 0), like(p, 1), like(p, 0.5)
    if p != p or p < zero or p > one:
        return like(p, math.nan)
    if p == zero:
        return like(p, -math.inf)
    if p == one:
        return like(p, math.inf)
    upper = p > half
    tail = one - p if upper else p
    target = log(tail)
    y = (
        -sqrt(-(target + target))
        if tail < like(p, 0.1)
        else (tail - half) * like(p, 2.5066282746310002)
    )
    for _ in range(8):
        slope = like(p, 0.7978845608028654) / erfcx(-y * like(p, HALF_ROOT))  # sqrt(2 / pi)
        y = y - (log_ndtr(y) - target) / slope
    return -y if upper else y


@formula
def entr(x):
    """-x log(x), 0 at 0, -inf below"""
    if x > 0:
        return -x * log(x)
    return x if x != x or x == 0 else like(x, -math.inf)
