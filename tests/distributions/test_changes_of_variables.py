"""Transforms held to their definitions: inverses, Jacobians by autograd, caches, shapes, equality."""

import math

import pytest

import numbatorch as nt
from numbatorch import distributions as d
from numbatorch.autograd.functional import jacobian


def numbers(*shape):
    """Float64 numbers of the unit interval, away from its ends."""
    return nt.rand(*shape, dtype=nt.float64) * 0.8 + 0.1


def affine(**options):
    scale = nt.tensor([-2.0, 0.5, 3.0], dtype=nt.float64)
    return d.AffineTransform(nt.ones(3, dtype=nt.float64), scale, **options)


#: Transforms of numbers or of vectors of three: how many dimensions an event has, and the transform.
TRANSFORMS = {
    "exp": (0, lambda: d.ExpTransform()),
    "power": (0, lambda: d.PowerTransform(nt.tensor(2.5, dtype=nt.float64))),
    "sigmoid": (0, lambda: d.SigmoidTransform()),
    "softplus": (0, lambda: d.SoftplusTransform()),
    "tanh": (0, lambda: d.TanhTransform()),
    "affine": (0, lambda: d.AffineTransform(1.0, -2.0)),
    "affine of tensors": (0, affine),
    "affine of vectors": (1, lambda: affine(event_dim=1)),
    "affine of vectors by a number": (1, lambda: d.AffineTransform(1.0, -2.0, event_dim=1)),
    "distribution function": (
        0, lambda: d.CumulativeDistributionTransform(d.Normal(nt.tensor(0.5, dtype=nt.float64), 2.0)),
    ),
    "independent": (1, lambda: d.IndependentTransform(d.TanhTransform(), 1)),
    "reshape": (1, lambda: d.ReshapeTransform((3,), (3, 1))),
    "composition": (0, lambda: d.ComposeTransform([d.AffineTransform(1.0, 2.0), d.ExpTransform()])),
    "composition of vectors": (1, lambda: d.ComposeTransform([d.ExpTransform(), affine(event_dim=1)])),
    "composition of nothing": (0, lambda: d.ComposeTransform([])),
    "inverse": (0, lambda: d.ExpTransform().inv),
    "stick": (1, lambda: d.StickBreakingTransform()),
    "correlations": (1, lambda: d.CorrCholeskyTransform()),
    "cat": (0, lambda: d.CatTransform([d.ExpTransform(), d.TanhTransform()], -1, [1, 2])),
    "cat of vectors": (
        1, lambda: d.CatTransform([affine(event_dim=1), d.IndependentTransform(d.ExpTransform(), 1)]),
    ),
    "stack": (0, lambda: d.StackTransform([d.ExpTransform(), d.TanhTransform(), affine()][:2], 0)),
}  # fmt: skip


@pytest.fixture(params=TRANSFORMS.values(), ids=TRANSFORMS)
def case(request):
    """(transform, dimensions of an event, an input of two events)"""
    event_dim, make = request.param
    return make(), event_dim, numbers(2, 3)


def close(found, expected, tolerance=1e-9):
    assert found.shape == expected.shape
    assert nt.allclose(found, expected, tolerance, tolerance)


def test_the_inverse_takes_back(case):
    transform, _, x = case
    y = transform(x)
    close(transform.inv(y), x)
    close(transform.inv.inv(x), y)
    assert transform.inv.inv is transform and transform.bijective and transform.inv.bijective


def free(y, name):
    """The entries of an output that move independently of each other, as a vector."""
    if name == "StickBreakingTransform":
        return y[:-1]
    return d.utils.tril_matrix_to_vec(y, -1) if name == "CorrCholeskyTransform" else y.flatten()


def test_the_jacobian_is_that_of_autograd(case):
    transform, event_dim, x = case
    y = transform(x)
    found = transform.log_abs_det_jacobian(x, y)
    close(transform.inv.log_abs_det_jacobian(y, x), -found)
    if event_dim == 0:
        slopes = jacobian(lambda v: transform(v).sum(), x)
        close(found, slopes.abs().log())
        return
    for event in range(2):

        def moved(v, event=event):
            y = transform(nt.stack([v, x[1]] if event == 0 else [x[0], v]))
            return free(y[event], type(transform).__name__)

        close(found[event], nt.linalg.slogdet(jacobian(moved, x[event]))[1])


def test_shapes_are_told_before(case):
    transform, _, x = case
    y = transform(x)
    assert tuple(transform.forward_shape(x.shape)) == tuple(y.shape)
    assert tuple(transform.inverse_shape(y.shape)) == tuple(x.shape)
    assert tuple(transform.inv.forward_shape(y.shape)) == tuple(x.shape)
    assert tuple(transform.inv.inverse_shape(x.shape)) == tuple(y.shape)


def test_domains_hold_what_is_mapped(case):
    transform, event_dim, x = case
    y = transform(x)
    assert transform.domain.check(x).all() and transform.codomain.check(y).all()
    assert transform.inv.domain.event_dim == transform.codomain.event_dim
    assert transform.inv.codomain.event_dim == transform.domain.event_dim == event_dim


def test_a_cache_gives_back_the_very_tensors(case):
    transform, _, x = case
    cached = transform.with_cache()
    assert cached.with_cache() is cached and transform.with_cache(0) is transform
    if isinstance(transform, d.ReshapeTransform) or getattr(transform, "parts", None) == []:
        return
    y = cached(x)
    assert cached.inv(y) is x
    close(y, transform(x))
    other = y.clone()
    back = cached.inv(other)
    assert back is not x and cached(back) is other


@pytest.mark.parametrize("make", [make for _, make in TRANSFORMS.values()], ids=TRANSFORMS)
def test_equality(make):
    one, other = make(), make()
    compared = (
        d.ExpTransform, d.PowerTransform, d.SigmoidTransform, d.SoftplusTransform, d.TanhTransform,
        d.AffineTransform, d.StickBreakingTransform,
    )  # fmt: skip
    assert one == one and one != d.AbsTransform()
    if isinstance(one, compared):
        assert one == other
        assert not (one != other)  # noqa: SIM202
    assert repr(one).startswith(type(one).__name__)


def test_affine_transforms_differ_by_their_parameters():
    assert d.AffineTransform(1.0, 2.0) != d.AffineTransform(1.0, 3.0)
    assert affine() != d.AffineTransform(nt.zeros(3), nt.ones(3))
    assert d.PowerTransform(2.0) != d.PowerTransform(3.0)


def test_signs():
    assert [d.AffineTransform(0.0, s).sign for s in (2.0, -2.0, 0.0)] == [1, -1, 0]
    assert affine().sign.tolist() == [-1, 1, 1]
    assert d.PowerTransform(nt.tensor([2.0, -1.0])).sign.tolist() == [1, -1]
    assert d.ExpTransform().inv.sign == 1
    assert d.IndependentTransform(d.ExpTransform(), 1).sign == 1
    falling = d.ComposeTransform([d.ExpTransform(), d.AffineTransform(0.0, -1.0)])
    assert falling.sign == -1 and falling.inv.sign == -1
    with pytest.raises(NotImplementedError):
        _ = d.StickBreakingTransform().sign


def test_maps_that_are_not_bijective():
    x = numbers(2, 3) - 0.5
    assert not d.AbsTransform().bijective and not d.SoftmaxTransform().bijective
    close(d.AbsTransform()(x), x.abs())
    close(d.AbsTransform().inv(x), x)
    simplex = d.SoftmaxTransform()
    close(simplex(x), x.softmax(-1))
    close(simplex(simplex.inv(simplex(x))), simplex(x))
    assert simplex.forward_shape((2, 3)) == simplex.inverse_shape((2, 3)) == (2, 3)
    assert d.AbsTransform() == d.AbsTransform() and simplex == d.SoftmaxTransform()
    with pytest.raises(NotImplementedError):
        d.AbsTransform().log_abs_det_jacobian(x, x)


def test_matrices():
    x = numbers(2, 3, 3)
    lower = d.LowerCholeskyTransform()
    factor = lower(x)
    assert lower.codomain.check(factor).all() and lower == d.LowerCholeskyTransform()
    close(lower.inv(factor), x.tril())
    positive = d.PositiveDefiniteTransform()
    assert positive.codomain.check(positive(x)).all() and positive == d.PositiveDefiniteTransform()
    close(positive(x), factor @ factor.mT)
    close(positive.inv(positive(x)), x.tril())


REFUSED = {
    "a larger cache": (ValueError, lambda: d.ExpTransform(cache_size=2)),
    "another number of elements": (ValueError, lambda: d.ReshapeTransform((3,), (2, 2))),
    "another shape": (ValueError, lambda: d.ReshapeTransform((3,), (3, 1)).forward_shape((4,))),
    "too short": (ValueError, lambda: d.ReshapeTransform((3, 1), (3,)).forward_shape((3,))),
    "not enough dimensions": (
        ValueError, lambda: d.IndependentTransform(d.ExpTransform(), 2)(nt.ones(3)),
    ),
    "nor back": (
        ValueError, lambda: d.IndependentTransform(d.ExpTransform(), 2).inv(nt.ones(3)),
    ),
    "not triangular": (ValueError, lambda: d.CorrCholeskyTransform().forward_shape((4,))),
    "no vector": (ValueError, lambda: d.CorrCholeskyTransform().forward_shape(())),
    "no matrix": (ValueError, lambda: d.CorrCholeskyTransform().inverse_shape((3,))),
    "not square": (ValueError, lambda: d.CorrCholeskyTransform().inverse_shape((3, 2))),
    "no stick": (ValueError, lambda: d.StickBreakingTransform().forward_shape(())),
    "no pieces": (ValueError, lambda: d.StickBreakingTransform().inverse_shape(())),
    "no simplex": (ValueError, lambda: d.SoftmaxTransform().forward_shape(())),
    "no transforms": (AssertionError, lambda: d.StackTransform([1])),
    "events of two kinds": (ValueError, lambda: d.ReshapeTransform((3,), (3, 1)).event_dim),
    "no map": (NotImplementedError, lambda: d.Transform()(nt.ones(1))),
    "no inverse": (NotImplementedError, lambda: d.Transform()._inverse(nt.ones(1))),
}  # fmt: skip


@pytest.mark.parametrize("kind, call", REFUSED.values(), ids=REFUSED)
def test_what_is_refused(kind, call):
    with pytest.raises(kind):
        call()


def test_a_transform_of_a_user_s_own():
    class Cube(d.Transform):
        domain = codomain = d.constraints.real
        bijective, sign = True, +1

        def _call(self, x):
            return x**3

        def _inverse(self, y):
            return y.sign() * y.abs() ** (1 / 3)

        def log_abs_det_jacobian(self, x, y):
            return math.log(3) + 2 * x.abs().log()

    x = numbers(4)
    cached = Cube().with_cache()
    assert cached.inv(cached(x)) is x and cached.event_dim == 0
    known = d.TransformedDistribution(d.Uniform(-nt.ones(1, dtype=nt.float64), 1.0), [Cube()])
    close(known.log_prob(x), -math.log(2) - math.log(3) - 2 / 3 * x.log())
