"""What a difference found by the fuzz comes to: rounding, a choice among equals, or a wrong number."""

import inspect

import fuzz
import numpy as np

import numbatorch

#: Dtypes with fewer digits than another, and that one.
WIDER = {
    "float16": "float64", "bfloat16": "float64", "float32": "float64", "complex64": "complex128",
}  # fmt: skip

#: The distance of 1 to the next number of a dtype, and its least normal number.
STEPS = {
    "float16": (2.0**-10, 2.0**-14), "bfloat16": (2.0**-7, 2.0**-126),
    "float32": (2.0**-23, 2.0**-126), "complex64": (2.0**-23, 2.0**-126),
}  # fmt: skip


def widened(call, torch):
    """The call with the same numbers in float64, or None where its tensors have all digits."""
    wide = call
    for path in fuzz.paths(call, fuzz.Drawn):
        drawn = fuzz.at(call, path)
        if drawn.dtype in WIDER:
            values = fuzz.host(drawn.build(torch), torch).astype(WIDER[drawn.dtype])
            new = fuzz.Drawn(values, WIDER[drawn.dtype], drawn.requires_grad, drawn.layout)
            wide = fuzz.replaced(wide, path, new)
    return None if wide is call else wide


def _error(found, exact, dtype):
    """The greatest error in units of last place, of the elements that have an exact finite value."""
    step, least = STEPS[dtype]
    with np.errstate(all="ignore"):
        units = np.abs(found - exact) / (np.maximum(np.abs(exact), least) * step)
    units = units[np.isfinite(np.abs(exact))]
    return 0.0 if not units.size else float(np.max(np.where(np.isnan(units), np.inf, units)))


def is_rounding(target, call, theirs, ours, torch):
    """Whether the results, in fewer digits than float64's, are about as near to it as PyTorch's.

    Errors are counted in units of last place; ours may have one more, and twice as many: what is left
    of a sum whose terms cancel is chance.
    """
    wide = widened(call, torch)
    if wide is None:
        return False
    kinds = [y.dtype for y in theirs[1] if getattr(y, "requires_grad", False)]

    def weights(y, framework):
        return fuzz.weights(y.to(kinds[0]), framework).to(y.dtype) if len(kinds) == 1 else (
            fuzz.weights(y, framework)
        )  # fmt: skip

    exact = fuzz.run(target.reference, wide, torch, target.writes, weights)
    if exact[0] != "value":
        return False
    for part in (1, 2):
        if not len(theirs[part]) == len(ours[part]) == len(exact[part]):
            return False
        for a, b, c in zip(theirs[part], ours[part], exact[part]):
            if not _is_as_near(a, b, c, torch):
                return False
    return True


def _is_as_near(theirs, ours, exact, torch):
    name = str(theirs.dtype).removeprefix("torch.") if isinstance(theirs, torch.Tensor) else ""
    if name not in STEPS:
        return fuzz.compare(theirs, ours, torch) is None
    a, b, c = fuzz.host(theirs, torch), fuzz.host(ours, numbatorch), fuzz.host(exact, torch)
    kind = "complex128" if c.dtype.kind == "c" else "float64"
    a, b, c = a.astype(kind), b.astype(kind), c.astype(kind)
    beyond = ~np.isfinite(c)
    odd = beyond & ~((b == a) | (b == c) | (np.isnan(b) & (np.isnan(a) | np.isnan(c))))
    return not odd.any() and _error(b, c, name) <= 2 * _error(a, c, name) + 1


#: Functions that choose among equal elements: name -> which of their results is the index.
CHOOSING = {
    "sort": 1, "argsort": 0, "topk": 1, "kthvalue": 1, "mode": 1, "msort": None, "median": 1,
    "nanmedian": 1,
}  # fmt: skip


def is_other_choice(target, name, call, theirs, ours, torch):
    """Whether other indices were given whose elements equal those that PyTorch chose."""
    place = CHOOSING.get(name)
    if place is None or len(theirs[1]) <= place:
        return False
    args, kwargs = fuzz.build(call[0], torch), fuzz.build(call[1], torch)
    given = inspect.signature(target.function).bind(*args, **kwargs).arguments
    dim = given.get("dim")
    dim = -1 if dim is None else dim
    source = given["input"].detach()
    chosen = [torch.from_numpy(np.array(y[place].detach().numpy())) for y in (theirs[1], ours[1])]
    if chosen[0].shape != chosen[1].shape or chosen[0].equal(chosen[1]):
        return False
    if source.dim() and chosen[0].dim() < source.dim():
        chosen = [index.unsqueeze(dim) for index in chosen]
    picked = [fuzz.host(source.gather(dim, index), torch) for index in chosen]
    others = [(a, b) for i, (a, b) in enumerate(zip(theirs[1], ours[1])) if i != place]
    return np.array_equal(*picked, equal_nan=picked[0].dtype.kind == "f") and all(
        fuzz.compare(a, b, torch) is None for a, b in others
    )
