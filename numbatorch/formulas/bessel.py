"""Bessel functions of both kinds, modified ones of the second kind, and Airy's function.

The coefficients interpolate what is left of a function beside its logarithm, its exponential or its
waves at Chebyshev points, to the precision of float64 (Abramowitz and Stegun, 9 and 10).
"""

import math

from .chebyshev import chebyshev, i0, i1
from .circular import cos, sin
from .exponential import exp, log
from .roots import sqrt
from .typed import formula, like

J0_SMALL = (
    0.15772797147489012, -0.008723442352852221, 0.2651786132033368, -0.37009499387264977, 0.15806710233209725, -0.034893769411408884, 0.004819180069467605, -0.00046062616620627504, 3.246032882100508e-05, -1.7619469077621507e-06, 7.608163592418782e-08, -2.679253530557673e-09, 7.848696314479465e-11, -1.9438346867370164e-12, 4.125320595634374e-14, -7.588508125447546e-16, 1.2218515873961411e-17,
)  # fmt: skip
J1_SMALL = (
    0.08104484632565812, -0.1489751450676521, 0.1609992623572097, -0.08268049176681791, 0.022213639654966037, -0.003646940600769276, 0.0004050337728354822, -3.255554866857259e-05, 1.9858774049915165e-06, -9.521984756750436e-08, 3.687133759097148e-09, -1.178026622695885e-10, 3.160154580348003e-12, -7.221755239651773e-14, 1.4232144003513942e-15, -2.4441972916190464e-17,
)  # fmt: skip
Y0_SMALL = (
    -0.03314611320328494, -0.2744743055297453, 0.17903431407718265, 0.26156734625504663, -0.17730201278114358, 0.04719668959576339, -0.007287962479552079, 0.0007531135932577742, -5.632079141056987e-05, 3.206532537654801e-06, -1.44072332740187e-07, 5.248794787330516e-09, -1.5837552541812015e-10, 4.02633081830612e-12, -8.747341203310769e-14, 1.6434898714919468e-15, -2.6977881152566837e-17,
)  # fmt: skip
Y1_SMALL = (
    0.0025380132357417816, -0.01608717304766875, -0.09591204536083074, 0.08445197259652346, -0.028328123944594365, 0.005289897544167113, -0.0006414551451326356, 5.505982873338744e-05, -3.53808001868935e-06, 1.7707804556154404e-07, -7.11055004989928e-09, 2.344337905911516e-10, -6.4651518414115946e-12, 1.51429151205002e-13, -3.0511859694473254e-15, 5.34668038572867e-17,
)  # fmt: skip
P0 = (
    0.9994603493475187, -0.0005365220468132117, 3.0751847875194745e-06, -5.1705945376060975e-08, 1.6306464635151382e-09, -7.86409137723707e-11, 5.168262387349193e-12, -4.3045788699253914e-13, 4.3265957431549404e-14, -5.069034095935236e-15, 6.748072215733873e-16, -1.0011513723467786e-16,
)  # fmt: skip
Q0 = (
    -0.015555854605337009, 6.838519942611649e-05, -7.414498411060647e-07, 1.7972457247968992e-08, -7.27191593686632e-10, 4.2201219046687385e-11, -3.206747420996635e-12, 3.006145125351706e-13, -3.336328185322427e-14, 4.255225040245461e-15, -6.09993013164005e-16, 9.662128970303257e-17, -1.6686065214378146e-17, 3.1082440486738143e-18, -6.191115787358145e-19,
)  # fmt: skip
P1 = (
    1.0009030408600137, 0.0008989898330859408, -3.987284300488908e-06, 6.177633960644299e-08, -1.8718907491063067e-09, 8.816898659582339e-11, -5.704863640395645e-12, 4.699195515230542e-13, -4.6842237839904895e-14, 5.452674896044717e-15, -7.221180842274018e-16, 1.0667689114335412e-16,
)  # fmt: skip
Q1 = (
    0.04677778706953532, -9.62772354915708e-05, 9.138615257955454e-07, -2.0959781384083424e-08, 8.229193327650554e-10, -4.686363688176945e-11, 3.5152187949686082e-12, -3.2643156743279e-13, 3.5967765829165294e-14, -4.5612523950772974e-15, 6.508282957783384e-16, -1.0269147531823243e-16, 1.767635548776479e-17, -3.2834519872981614e-18,
)  # fmt: skip
K0_SMALL = (
    -0.2676636966169514, 0.3442898999246285, 0.0359799365153615, 0.001264615411446926, 2.286212103119452e-05, 2.5347910790261494e-07, 1.904516377220209e-09, 1.0349695257633625e-11, 4.2598161427910826e-14, 1.3744654358807508e-16,
)  # fmt: skip
K1_SMALL = (
    0.7626501136694739, -0.3531559607765449, -0.12261118082265715, -0.006975723859639864, -0.0001730288957513052, -2.4334061415659684e-06, -2.213387630734726e-08, -1.4114883926335278e-10, -6.666901694199329e-13, -2.427449850519366e-15,
)  # fmt: skip
K0_LARGE = (
    1.2201515410329777, -0.0314481013119645, 0.0015698838857300533, -0.00012849549581627802, 1.39498137188765e-05, -1.8317555227191195e-06, 2.766813639445015e-07, -4.660489897687948e-08, 8.574034017414225e-09, -1.6975345093890614e-09, 3.5773972814003283e-10, -7.957489244477396e-11, 1.8559491149549264e-11, -4.514597883374519e-12, 1.1403405882073441e-12, -2.9800969231481784e-13, 8.032890775068375e-14, -2.2275133267462965e-14, 6.340076476276646e-15, -1.848593377920907e-15, 5.5120559994043335e-16, -1.6782311257549006e-16, 5.2103917776435543e-17,
)  # fmt: skip
K1_LARGE = (
    1.3603130952422213, 0.10392373657681724, -0.002857816859622779, 0.00019521551847135162, -1.936197974166083e-05, 2.406484947837217e-06, -3.5019606030878126e-07, 5.7410841254500495e-08, -1.0345762465678097e-08, 2.0150497551970347e-09, -4.1903547593419254e-10, 9.218315187605315e-11, -2.129967838427791e-11, 5.139639673482343e-12, -1.2891739609498229e-12, 3.348419666052243e-13, -8.976705182010146e-14, 2.4771544242195988e-14, -7.0198370892147685e-15, 2.038703166239861e-15, -6.057047270643018e-16, 1.8380935752430455e-16, -5.689462849193648e-17,
)  # fmt: skip
AI_LARGE = (
    0.27791472709862935, -0.003974604466782267, 0.00018844233230265676, -1.5139145553925131e-05, 1.6277079938920561e-06, -2.124613255828612e-07, 3.196091031824142e-08, -5.367549773721327e-09, 9.852325184295213e-10, -1.9470927440073698e-10, 4.097278653880674e-11, -9.10273979334055e-12, 2.120857375473259e-12, -5.154390569091291e-13, 1.3009367206082188e-13, -3.397474159620609e-14, 9.15240780009071e-15, -2.5365851923528393e-15, 7.21627003385596e-16, -2.1031429429833665e-16, 6.268552720108202e-17, -1.9078601110153376e-17, 5.921328491143358e-18,
)  # fmt: skip
AI_F = (
    0.562017926228536, -0.0020540854470795784, 0.00010360788382704828, -1.1511160819904716e-05, 1.9051967113217197e-06, -4.03487130864971e-07, 1.0130766626888477e-07, -2.885158063455821e-08, 9.061158649045153e-09, -3.0786784334382467e-09, 1.1162501431697525e-09, -4.2751739501015857e-10, 1.716141639031297e-10, -7.176255572406978e-11, 3.110665335740982e-11, -1.3921206579773567e-11, 6.4109900373622675e-12, -3.0296082679511027e-12, 1.4656584538172801e-12, -7.244069745850658e-13, 3.651521351880498e-13, -1.8743132162700482e-13, 9.78373198175337e-14, -5.187354971764993e-14, 2.7906725022530376e-14, -1.5218947101733986e-14, 8.406329834619966e-15, -4.699414244299825e-15, 2.6570349070397553e-15, -1.5184310029908797e-15, 8.765748307678402e-16, -5.109184731448162e-16, 3.005197332679233e-16, -1.7830234259338427e-16, 1.0666341256095449e-16, -6.430667191118531e-17, 3.9053162819237166e-17, -2.3872662229295917e-17, 1.4670024385639298e-17,
)  # fmt: skip
AI_G = (
    0.01862542703240923, -0.0008741488015846995, 7.60132595135742e-05, -1.128236421805256e-05, 2.2624775210323427e-06, -5.522356545362371e-07, 1.550963767191628e-07, -4.84422272847451e-08, 1.6454399226497743e-08, -5.984354916238956e-09, 2.3041582258905715e-09, -9.312390285726656e-10, 3.9245685999423954e-10, -1.7156420137708506e-10, 7.746821361522434e-11, -3.6005483508932976e-11, 1.717513232572996e-11, -8.387897673570572e-12, 4.1852336180464374e-12, -2.129698474363672e-12, 1.1034934080026842e-12, -5.814080192207807e-13, 3.1112096533266723e-13, -1.6890848528909816e-13, 9.294693236105964e-14, -5.1797724586829964e-14, 2.9210974795547004e-14, -1.6658694492459178e-14, 9.60114676165578e-15, -5.5891336691243505e-15, 3.2845688237623627e-15, -1.947674247759466e-15, 1.1648374947950952e-15, -7.023343474285554e-16, 4.267519939087284e-16, -2.6120163137470406e-16, 1.6096206903238797e-16, -9.979131935026703e-17, 6.215739135895289e-17, -3.878636110959104e-17, 2.4086914339777266e-17, -1.464518105123033e-17, 8.333874589678058e-18, -3.7744924569819196e-18,
)  # fmt: skip

#: From here on functions of the first and second kind are waves.
WAVES = 8.0
#: Where K and Airy's function change from a series to an exponential: the exponent.
DECAY = 2.0
TWO_BY_PI = 2 / math.pi
HALF_ROOT = math.sqrt(0.5)
#: Ai(0), -Ai'(0), and the x with 2/3 x^(3/2) = DECAY.
AIRY_0, AIRY_SLOPE, AIRY_BORDER = 0.35502805388781724, 0.2588194037928068, 3.0 ** (2 / 3)


@formula
def _inner(x, span):
    """Where a series in x^2 up to `span` is taken, between -1 and 1"""
    ratio = x / like(x, span)
    return like(x, 2) * ratio * ratio - like(x, 1)


@formula
def _wave(x, even, odd, in_phase, out_of_phase):
    """sqrt(2 / (pi x)) (even in_phase + (8 / x) odd out_of_phase)"""
    size = sqrt(like(x, TWO_BY_PI) / x)
    return size * (even * in_phase + like(x, WAVES) / x * odd * out_of_phase)


@formula
def _turned(x):
    """The place of a wave's series"""
    ratio = like(x, WAVES) / x
    return like(x, 2) * ratio * ratio - like(x, 1)


@formula
def bessel_j0(x):
    """The Bessel function of the first kind of order 0"""
    x = abs(x)
    if x <= like(x, WAVES):
        return chebyshev(_inner(x, WAVES), J0_SMALL)
    t, c, s = _turned(x), cos(x), sin(x)
    half = like(x, HALF_ROOT)
    return _wave(x, chebyshev(t, P0), -chebyshev(t, Q0), half * (c + s), half * (s - c))


@formula
def bessel_j1(x):
    """The Bessel function of the first kind of order 1"""
    size = abs(x)
    if size <= like(x, WAVES):
        return x * chebyshev(_inner(x, WAVES), J1_SMALL)
    t, c, s = _turned(size), cos(size), sin(size)
    half = like(x, HALF_ROOT)
    found = _wave(size, chebyshev(t, P1), chebyshev(t, Q1), half * (s - c), half * (s + c))
    return -found if x < 0 else found


@formula
def bessel_y0(x):
    """The Bessel function of the second kind of order 0"""
    if x <= 0 or x != x:
        return like(x, -math.inf) if x == 0 else like(x, math.nan)
    if x <= like(x, WAVES):
        return chebyshev(_inner(x, WAVES), Y0_SMALL) + like(x, TWO_BY_PI) * log(x) * bessel_j0(x)
    t, c, s = _turned(x), cos(x), sin(x)
    half = like(x, HALF_ROOT)
    return _wave(x, chebyshev(t, P0), chebyshev(t, Q0), half * (s - c), half * (c + s))


@formula
def bessel_y1(x):
    """The Bessel function of the second kind of order 1"""
    if x <= 0 or x != x:
        return like(x, -math.inf) if x == 0 else like(x, math.nan)
    if x <= like(x, WAVES):
        pole = like(x, TWO_BY_PI) * (log(x) * bessel_j1(x) - like(x, 1) / x)
        return x * chebyshev(_inner(x, WAVES), Y1_SMALL) + pole
    t, c, s = _turned(x), cos(x), sin(x)
    half = like(x, HALF_ROOT)
    return _wave(x, chebyshev(t, P1), chebyshev(t, Q1), half * (-s - c), half * (s - c))


@formula
def scaled_modified_bessel_k0(x):
    """exp(x) K0(x)"""
    if x <= 0 or x != x:
        return like(x, math.inf) if x == 0 else like(x, math.nan)
    if x <= like(x, DECAY):
        return exp(x) * modified_bessel_k0(x)
    return chebyshev(like(x, 4) / x - like(x, 1), K0_LARGE) / sqrt(x)


@formula
def scaled_modified_bessel_k1(x):
    """exp(x) K1(x)"""
    if x <= 0 or x != x:
        return like(x, math.inf) if x == 0 else like(x, math.nan)
    if x <= like(x, DECAY):
        return exp(x) * modified_bessel_k1(x)
    return chebyshev(like(x, 4) / x - like(x, 1), K1_LARGE) / sqrt(x)


@formula
def modified_bessel_k0(x):
    """The modified Bessel function of the second kind of order 0"""
    if x <= 0 or x != x:
        return like(x, math.inf) if x == 0 else like(x, math.nan)
    if x <= like(x, DECAY):
        return chebyshev(_inner(x, DECAY), K0_SMALL) - log(like(x, 0.5) * x) * i0(x)
    return exp(-x) * (chebyshev(like(x, 4) / x - like(x, 1), K0_LARGE) / sqrt(x))


@formula
def modified_bessel_k1(x):
    """The modified Bessel function of the second kind of order 1"""
    if x <= 0 or x != x:
        return like(x, math.inf) if x == 0 else like(x, math.nan)
    if x <= like(x, DECAY):
        return chebyshev(_inner(x, DECAY), K1_SMALL) / x + log(like(x, 0.5) * x) * i1(x)
    return exp(-x) * (chebyshev(like(x, 4) / x - like(x, 1), K1_LARGE) / sqrt(x))


@formula
def spherical_bessel_j0(x):
    """sin(x) / x"""
    if abs(x) < like(x, 0.5):
        square = x * x
        total, term = like(x, 1), like(x, 1)
        for k in range(1, 8):
            term = -term * square / like(x, 2 * k * (2 * k + 1))
            total = total + term
        return total
    if abs(x) == like(x, math.inf):
        return like(x, 0)
    return sin(x) / x


@formula
def airy_ai(x):
    """Airy's function Ai"""
    if x != x or abs(x) == like(x, math.inf):
        return like(x, math.nan)
    size = abs(x)
    if size < like(x, AIRY_BORDER):
        return _airy_series(x)
    root = sqrt(size)
    exponent = like(x, 2.0 / 3.0) * size * root
    width = sqrt(root)
    ratio = like(x, DECAY) / exponent
    if x > 0:
        return exp(-exponent) * chebyshev(ratio + ratio - like(x, 1), AI_LARGE) / width
    t = like(x, 2) * ratio * ratio - like(x, 1)
    c, s, half = cos(exponent), sin(exponent), like(x, HALF_ROOT)
    in_phase, out_of_phase = half * (s + c), half * (c - s)
    return (chebyshev(t, AI_F) * in_phase - ratio * chebyshev(t, AI_G) * out_of_phase) / width


@formula
def _airy_series(x):
    """Ai(0) f(x) + Ai'(0) g(x), by the powers of x^3"""
    cube = x * x * x
    f, g = like(x, 1), x
    even, odd = f, g
    for k in range(1, 20):
        even = even * cube / like(x, (3 * k - 1) * 3 * k)
        odd = odd * cube / like(x, 3 * k * (3 * k + 1))
        f, g = f + even, g + odd
    return like(x, AIRY_0) * f - like(x, AIRY_SLOPE) * g
