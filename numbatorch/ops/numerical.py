"""Integrals and derivatives of sampled functions, and statistics of samples."""

from .. import dtypes, graph, shapes
from . import scalars
from .casting import cast
from .joining import cat, stack
from .output import deliver
from .registry import FUNCTIONS, Sample, function, samples


@function(method=False, aliases=("trapz",))
def trapezoid(y, x=None, *, dx=None, dim=-1):
    """The integral along `dim` by the trapezoidal rule, at places `x` or in steps of `dx`."""
    areas = _trapezoids("trapezoid", y, x, dx, dim)
    if not y.shape[dim]:  # nothing to add up, and nothing to differentiate
        return FUNCTIONS["zeros_like"](y.detach().sum(dim), dtype=y.dtype)
    return areas.sum(dim)


@function(method=False)
def cumulative_trapezoid(y, x=None, *, dx=None, dim=-1):
    """The integral up to each place along `dim` by the trapezoidal rule."""
    return _trapezoids("cumulative_trapezoid", y, x, dx, dim).cumsum(dim)


def _trapezoids(name, y, x, dx, dim):
    """The area between each two neighbours."""
    if x is not None and dx is not None:
        raise TypeError(f"{name}(): give the places x or their distance dx, not both")
    if not y.shape:
        raise RuntimeError(f"{name}(): y must have at least one dimension")
    if y.dtype is dtypes.bool_ or (x is not None and x.dtype is dtypes.bool_):
        raise RuntimeError(
            f"{name}(): received a bool input for `x` or `y`, but bool is not supported"
        )
    dim = shapes.wrap_dim(dim, len(y.shape))
    size = y.shape[dim]
    if not size:
        return (y * 1.0).narrow(dim, 0, 0)
    heights = y.narrow(dim, 1, size - 1) + y.narrow(dim, 0, size - 1)
    if x is None:
        return heights * ((1.0 if dx is None else dx) / 2)
    if len(x.shape) == 1 and x.shape[0] != size:
        raise RuntimeError(f"{name}(): There must be one `x` value for each sample point")
    if not x.shape:
        raise RuntimeError(f"{name}(): x must have at least one dimension")
    along = -1 if len(x.shape) == 1 else dim
    if len(x.shape) == 1:
        steps = x.diff().reshape(tuple([-1 if d == dim else 1 for d in range(len(y.shape))]))
    else:
        if len(x.shape) < len(y.shape):
            x = x.reshape((1,) * (len(y.shape) - len(x.shape)) + tuple(x.shape))
        steps = x.diff(dim=along)
    return heights * steps / 2.0


@function(method=False)
def gradient(input, *, spacing=1, dim=None, edge_order=1):
    """The derivatives of samples along dimensions, by central differences."""
    rank = len(input.shape)
    dims = range(rank) if dim is None else shapes.as_indices(dim)
    dims = [shapes.wrap_dim(d, rank) for d in dims]
    if edge_order not in (1, 2):
        raise RuntimeError("torch.gradient only supports edge_order=1 and edge_order=2.")
    if len(set(dims)) != len(dims):
        raise RuntimeError("dim appears multiple times in the list of dims")
    for d in dims:
        if input.shape[d] < edge_order + 1:
            raise RuntimeError(
                "torch.gradient expected each dimension size to be at least edge_order+1"
            )
    if input.dtype.category <= dtypes.INTEGRAL or input.dtype is dtypes.bool_:
        input = cast(input, dtypes.get_default_dtype())
    several = isinstance(spacing, list | tuple)
    spacings = list(spacing) if several else [spacing] * len(dims)
    if len(spacings) != len(dims):
        raise RuntimeError(
            f"torch.gradient expected spacing to be unspecified, a scalar, or a list of length "
            f"{len(dims)}, but got {len(spacings)}"
        )
    return tuple([_derivative(input, d, s, edge_order) for d, s in zip(dims, spacings)])


def _derivative(input, dim, spacing, edge_order):
    size = input.shape[dim]

    def at(start, length=1):
        return input.narrow(dim, start, length)

    if isinstance(spacing, graph.Value) and spacing.shape:
        return _uneven_derivative(input, dim, spacing, edge_order)
    inner = (at(2, size - 2) - at(0, size - 2)) / (2 * spacing)
    if edge_order == 1:
        first, last = (at(1) - at(0)) / spacing, (at(size - 1) - at(size - 2)) / spacing
    else:
        first = (-1.5 * at(0) + 2 * at(1) - 0.5 * at(2)) / spacing
        last = (1.5 * at(size - 1) - 2 * at(size - 2) + 0.5 * at(size - 3)) / spacing
    return cat([first, inner, last], dim)


def _uneven_derivative(input, dim, places, edge_order):
    """Second-order differences on an uneven grid, as NumPy's `gradient` takes them."""
    size = input.shape[dim]
    if places.shape[0] != size:
        raise RuntimeError(
            f"torch.gradient expected the coordinates of dimension {dim} to have {size} elements, "
            f"but got {places.shape[0]}"
        )
    steps = places.diff()
    form = tuple([-1 if d == dim else 1 for d in range(len(input.shape))])

    def at(start, length=1):
        return input.narrow(dim, start, length)

    before, after = (steps[:-1].reshape(form), steps[1:].reshape(form)) if size > 2 else (1, 1)
    inner = (
        -after / (before * (before + after)) * at(0, size - 2)
        + (after - before) / (before * after) * at(1, size - 2)
        + before / (after * (before + after)) * at(2, size - 2)
    )
    if edge_order == 1:
        first = (at(1) - at(0)) / steps[0]
        last = (at(size - 1) - at(size - 2)) / steps[-1]
        return cat([first, inner, last], dim)
    a, b = steps[0], steps[1]
    first = (
        -(2 * a + b) / (a * (a + b)) * at(0) + (a + b) / (a * b) * at(1) - a / (b * (a + b)) * at(2)
    )
    a, b = steps[-2], steps[-1]
    last = (
        b / (a * (a + b)) * at(size - 3)
        - (a + b) / (a * b) * at(size - 2)
        + (2 * b + a) / (b * (a + b)) * at(size - 1)
    )
    return cat([first, inner, last], dim)


@function
def cov(input, *, correction=1, fweights=None, aweights=None):
    """The covariances of variables (rows) over observations (columns)."""
    if len(input.shape) > 2:
        raise RuntimeError(
            "cov(): expected input to have two or fewer dimensions but got an input with "
            f"{len(input.shape)} dimensions"
        )
    if input.dtype is dtypes.bool_:
        raise RuntimeError("cov(): bool dtype is not supported for input")
    rows = input if len(input.shape) == 2 else input.reshape(1, -1)
    count = rows.shape[1]
    weights = _observation_weights(count, fweights, aweights)
    total = count if weights is None else weights.sum()
    if weights is not None and (count == 0 or float(total) == 0):
        raise RuntimeError("cov(): weights sum to zero, can't be normalized")
    mean = (rows.sum(1) if weights is None else (rows * weights).sum(1)) / total
    degrees = _degrees_of_freedom(total, weights, aweights, correction)
    centred = rows - mean.unsqueeze(1)
    weighted = centred if weights is None else centred * weights
    result = weighted.matmul(centred.t().conj()) / degrees
    return result.squeeze()


def _observation_weights(count, fweights, aweights):
    for name, weights in (("fweights", fweights), ("aweights", aweights)):
        if weights is None:
            continue
        if len(weights.shape) > 1:
            raise RuntimeError(
                f"cov(): expected {name} to have one or fewer dimensions but got {name} with {len(weights.shape)} dimensions"
            )
        wanted = weights.dtype.is_floating_point == (name == "aweights")
        if not wanted or weights.dtype is dtypes.bool_:
            kind = "integral" if name == "fweights" else "floating point"
            raise RuntimeError(
                f"cov(): expected {name} to have {kind} dtype but got {name} with {weights.dtype} dtype"
            )
        if weights.numel() != count:
            raise RuntimeError(
                f"cov(): expected {name} to have the same numel as there are observations in the input but got {weights.numel()} != {count}"
            )
        if count and float(weights.amin()) < 0:
            raise RuntimeError(f"cov(): {name} cannot be negative")
    if fweights is None or aweights is None:
        return fweights if aweights is None else aweights
    return fweights * aweights


def _degrees_of_freedom(total, weights, aweights, correction):
    """What the sum of products is divided by; not less than zero."""
    if weights is None:
        return max(total - correction, 0)
    if aweights is None or correction == 0:
        return (total - correction).clamp(min=0)
    return (total - correction * (weights * aweights).sum() / total).clamp(min=0)


@function
def corrcoef(input):
    """The correlation coefficients of variables (rows) over observations (columns)."""
    if len(input.shape) > 2:
        raise RuntimeError(
            "corrcoef(): expected input to have two or fewer dimensions but got an input with "
            f"{len(input.shape)} dimensions"
        )
    found = cov(input)
    if not found.shape:
        return found / found
    deviation = found.diagonal().real.sqrt() if found.dtype.is_complex else found.diagonal().sqrt()
    result = found / deviation.unsqueeze(1) / deviation.unsqueeze(0)
    if not result.dtype.is_complex:
        return result.clamp(-1, 1)
    return result


@function(method=False)
def vander(x, N=None, increasing=False):
    """The powers x^(N-1), ..., x^0 as columns, or x^0 first."""
    if len(x.shape) != 1:
        raise RuntimeError("x must be a one-dimensional tensor.")
    count = x.shape[0] if N is None else N
    if count < 0:
        raise RuntimeError("N must be non-negative.")
    if x.dtype.category <= dtypes.INTEGRAL:
        x = cast(x, dtypes.int64)
    if not count:
        return x.new_empty((x.shape[0], 0))
    powers = [x.new_ones(x.shape)]
    for _ in range(count - 1):
        powers.append(powers[-1] * x)
    return stack(powers if increasing else powers[::-1], 1)


@function(method=False)
def unravel_index(indices, shape):
    """The index of each dimension of `shape`, from indices into the flattened tensor."""
    sizes = shapes.as_indices(shape)
    if indices.dtype.category != dtypes.INTEGRAL:
        raise ValueError(f"expected 'indices' to be an integer dtype, but got {indices.dtype}")
    if any(size < 0 for size in sizes):
        raise ValueError(f"'shape' cannot have negative values, but got {tuple(shape)}")
    found = []
    rest = indices.to(dtypes.int64)
    for size in reversed(sizes):
        found.append(rest % size)
        rest = rest.div(size, rounding_mode="floor")
    return tuple(reversed(found))


@function(inplace=True)
def renorm(input, p, dim, maxnorm, *, out=None):
    """`input` with each slice along `dim` scaled down to a norm of at most `maxnorm`."""
    if p <= 0:
        raise RuntimeError("renorm: non-positive-norm not supported")
    if maxnorm < 0:
        raise RuntimeError(f"renorm: expected maxnorm to be >= 0 but got {maxnorm}")
    if len(input.shape) < 2:
        raise RuntimeError(
            f"renorm: input needs at least 2 dimensions, got {len(input.shape)} dimensions"
        )
    dim = shapes.wrap_dim(dim, len(input.shape))
    others = [d for d in range(len(input.shape)) if d != dim]
    norms = input.norm(p, others, keepdim=True)
    one = scalars.constant(1, norms.dtype, norms.device)
    factor = (maxnorm / (norms + 1e-7)).where(norms > maxnorm, one)
    return deliver("renorm", input * factor, out)


@samples("trapezoid")
def _(make):
    yield Sample(make(3, 4))
    yield Sample(make(3, 4), make(4), dim=1)
    yield Sample(make(3, 4), dx=0.5, dim=0)


@samples("gradient")
def _(make):
    yield Sample(make(4, 5))
    yield Sample(make(4, 5), spacing=2.0, dim=1, edge_order=2)


@samples("cov")
def _(make):
    yield Sample(make(3, 5))
    yield Sample(make(5))
