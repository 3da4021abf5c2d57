"""Values and gradients against PyTorch's own sample inputs (its op database), op by op.

    python tests/conformance.py [--dtype float64|float32] [--errors] [op ...]

Needs torch and expecttest. For every op that occurs in practice (`tests/conformance_ops.txt`) it
prints passed, failed or not built, and ends with the counts. With `--errors` the database's error
inputs must raise the same type of exception. The exit code is 1 where an op fails
that `tests/conformance_known.txt` does not list with its reason.
"""

import argparse
import math
import sys
import traceback
import warnings
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import torch  # noqa: E402

import numbatorch  # noqa: E402

#: The seed that the database's own wrappers of random functions set.
SEED = 42

TOLERANCES = {"float64": (1e-7, 1e-8), "float32": (2e-5, 2e-5)}

#: Ops that lose digits in single precision, PyTorch's too.
ILL_CONDITIONED = (
    "cdist", "cov", "linalg.lstsq", "linalg.svd", "matrix_exp", "svd",
)  # fmt: skip


class NotBuilt(Exception):
    """numbatorch has no function of this name."""


def label_of(entry):
    """The database's name of an op and of its variant."""
    return entry.name + (f".{entry.variant_test_name}" if entry.variant_test_name else "")


def find(name):
    """numbatorch's function for an op of PyTorch's database."""
    if name in ADAPTERS:
        return ADAPTERS[name]
    place = numbatorch
    for part in name.split(".")[:-1]:
        place = getattr(place, part, None)
        if place is None:
            raise NotBuilt(name)
    last = name.split(".")[-1]
    function = getattr(place, last, None) or getattr(numbatorch.Tensor, last, None)
    if function is None:
        raise NotBuilt(name)
    return function


def _values_of_empty(function):
    """Memory that nobody has written to has no values to compare."""
    return lambda *args, **kwargs: function(*args, **kwargs).zero_()


def _method(name):
    return lambda self, *args, **kwargs: getattr(self, name)(*args, **kwargs)


#: Entries that PyTorch's database calls in a way of its own: what to call with their arguments.
ADAPTERS = {
    "where": lambda self, condition, other: numbatorch.where(condition, self, other),
    "einsum": lambda operands, equation: numbatorch.einsum(equation, *operands),
    "fill": lambda x, value: x.clone().fill_(value),
    "zero_": lambda x: x.clone().zero_(),
    "resize_": lambda x, *args, **kwargs: x.clone().resize_(*args, **kwargs),
    "resize_as_": lambda x, *args, **kwargs: x.clone().resize_as_(*args, **kwargs),
    "nn.functional.embedding": lambda weight, index, **kwargs: (
        numbatorch.nn.functional.embedding(index, weight, **kwargs)
    ),
    "nn.functional.embedding_bag": lambda weight, index, **kwargs: (
        numbatorch.nn.functional.embedding_bag(index, weight, **kwargs)
    ),
    "linalg.pinv.singular": lambda a, b: numbatorch.linalg.pinv(a @ b.mT),
    "linalg.lstsq.grad_oriented": lambda a, b, driver: (
        numbatorch.linalg.lstsq(a, b, driver=driver)[:2]
    ),
    # The database names the in-place draws without their underscore, calls randn_like for rand_like,
    # and gives the standard deviation before the mean.
    **{
        name: _method(f"{name}_")
        for name in ("uniform", "cauchy", "exponential", "geometric", "log_normal")
    },
    "normal.in_place": _method("normal_"),
    "rand_like": lambda x, **kwargs: numbatorch.randn_like(x, **kwargs),
    "normal.number_mean": lambda std, mean, *args, **kwargs: numbatorch.normal(
        mean, std, *args, **kwargs
    ),
    **{name: (lambda x, name=name: getattr(x, name)) for name in ("T", "mT", "H", "mH")},
    **{
        name: _method(name)
        for name in (
            "bfloat16", "bool", "byte", "char", "double", "float", "half", "int", "long", "short",
            "cfloat", "cdouble",
        )
    },
}  # fmt: skip


def to_ours(value, leaves, storages=None):
    """A torch argument as a numbatorch one; tensors that require grad are added to `leaves`.

    Tensors over one storage are again so where a dict `storages` is given.
    """
    if isinstance(value, torch.Tensor):
        result = tensor_to_ours(value, storages)
        if value.requires_grad:
            result.requires_grad_()
            leaves.append(result)
        return result
    if isinstance(value, torch.dtype | torch.memory_format | torch.layout):
        return getattr(numbatorch, str(value).split(".")[-1])
    if isinstance(value, torch.device):
        return numbatorch.device(str(value))
    if isinstance(value, torch.Size):
        return numbatorch.Size(value)
    if isinstance(value, list | tuple) and not hasattr(value, "_fields"):
        return type(value)(to_ours(item, leaves, storages) for item in value)
    if isinstance(value, dict):
        return {key: to_ours(item, leaves, storages) for key, item in value.items()}
    return value


def tensor_to_ours(value, storages=None):
    """The same values under the same strides."""
    source = value.detach()
    if source.is_sparse:
        source = source.coalesce()
        parts = map(tensor_to_ours, (source.indices(), source.values()))
        return numbatorch.sparse_coo_tensor(*parts, tuple(source.shape))
    if source.is_conj() or source.is_neg():
        source = source.resolve_conj().resolve_neg()
    if source.dtype is torch.bfloat16:
        return numbatorch.tensor(source.float().numpy(), dtype=numbatorch.bfloat16)
    key = (source.untyped_storage().data_ptr(), source.dtype)
    found = {} if storages is None else storages
    if key not in found:
        whole = torch.empty(0, dtype=source.dtype).set_(source.untyped_storage()).clone().numpy()
        found[key] = numbatorch.from_numpy(whole)
    return found[key].as_strided(tuple(source.shape), source.stride(), source.storage_offset())


def to_host(value):
    """A result as nested tuples of arrays and numbers."""
    if isinstance(value, torch.Tensor):
        value = value.detach().resolve_conj().resolve_neg()
        return (value.float() if value.dtype is torch.bfloat16 else value).numpy()
    if isinstance(value, numbatorch.Tensor):
        value = value.detach()
        return (value.float() if value.dtype is numbatorch.bfloat16 else value).numpy()
    if isinstance(value, list | tuple):
        return tuple(to_host(item) for item in value)
    return value


def flatten(value):
    if isinstance(value, list | tuple):
        for item in value:
            yield from flatten(item)
    else:
        yield value


def compare(expected, found, tolerance, what):
    """AssertionError where two results differ in structure, dtype, shape or value."""
    expected, found = list(flatten(to_host(expected))), list(flatten(to_host(found)))
    assert len(expected) == len(found), f"{what}: {len(found)} results, expected {len(expected)}"
    for a, b in zip(expected, found):
        if isinstance(a, np.ndarray):
            assert isinstance(b, np.ndarray), f"{what}: {type(b).__name__}, expected a tensor"
            assert a.dtype == b.dtype, f"{what}: dtype {b.dtype}, expected {a.dtype}"
            assert a.shape == b.shape, f"{what}: shape {b.shape}, expected {a.shape}"
            rtol, atol = max(tolerance, TOLERANCES.get(a.dtype.name, tolerance))
            np.testing.assert_allclose(b, a, rtol=rtol, atol=atol, equal_nan=True, err_msg=what)
        elif isinstance(a, float):
            assert math.isclose(a, b, rel_tol=tolerance[0]) or a != a, f"{what}: {b}, expected {a}"
        elif isinstance(a, int | bool | str):
            assert a == b, f"{what}: {b}, expected {a}"


def differentiable(outputs):
    return [
        y for y in flatten(outputs)
        if hasattr(y, "requires_grad") and y.requires_grad
    ]  # fmt: skip


def weights_for(outputs):
    """Fixed weights for the outputs, as arrays."""
    found = []
    for y in outputs:
        ramp = np.cos(np.arange(y.numel(), dtype=np.float64)).reshape(tuple(y.shape))
        found.append(ramp + 0.5j * np.flip(ramp) if y.dtype.is_complex else ramp)
    return found


def check_sample(entry, function, sample, tolerance, dtype):
    """Compare one call, and its gradients where it has any.

    Where single precision disagrees, PyTorch's double precision decides: its own float32 results
    have rounding errors too, where variances vanish or terms cancel.
    """
    try:
        check_against(entry, function, sample, tolerance, sample)
    except AssertionError:
        if dtype != "float32" or is_random(entry, sample):
            raise
        check_against(entry, function, sample, tolerance, in_double(sample))


def is_random(entry, sample):
    """Whether two calls from one seed and from another give different results."""
    results = []
    for seed in (SEED, SEED + 1):
        torch.manual_seed(seed)
        output = entry(sample.input, *sample.args, **sample.kwargs)
        results.append([y for y in flatten(output) if isinstance(y, torch.Tensor)])
    return any(
        a.shape != b.shape or not torch.equal(a.isnan(), b.isnan()) or not torch.equal(
            a.nan_to_num(), b.nan_to_num()
        )
        for a, b in zip(*results)
    )  # fmt: skip


def in_double(sample):
    """The sample with float64 in place of float32, in tensors and as an argument."""

    def widened(value):
        if isinstance(value, torch.Tensor) and value.dtype is torch.float32:
            wide = value.detach().double()
            return wide.requires_grad_(value.requires_grad)
        return torch.float64 if value is torch.float32 else value

    return sample.transform(widened)


def check_against(entry, function, sample, tolerance, reference):
    """Compare our results of a sample with PyTorch's of it, or of its form in double precision."""
    torch.manual_seed(SEED)
    numbatorch.manual_seed(SEED)
    expected = entry(reference.input, *reference.args, **reference.kwargs)
    if entry.name.startswith(("empty", "new_empty")):
        expected, function = expected.zero_(), _values_of_empty(function)
    torch_leaves = []
    to_leaves((reference.input, reference.args, reference.kwargs), torch_leaves)
    leaves = []
    arguments = to_ours((sample.input, *sample.args), leaves)
    keywords = to_ours(sample.kwargs, leaves)
    found = function(*arguments, **keywords)
    expected, found = (sample.output_process_fn_grad(y) for y in (expected, found))
    narrow = torch.float32 if reference is not sample else None
    compare(narrowed(expected, narrow), found, tolerance, "value")
    wanted = differentiable(expected)
    if not wanted or not torch_leaves:
        return
    ours = differentiable(found)
    assert len(ours) == len(wanted), "an output does not require grad"
    weights = weights_for(wanted)
    theirs = torch.autograd.grad(
        wanted, torch_leaves, [torch.tensor(w).to(y.dtype) for w, y in zip(weights, wanted)],
        allow_unused=True,
    )  # fmt: skip
    mine = numbatorch.autograd.grad(
        ours, leaves, [numbatorch.tensor(w, dtype=y.dtype) for w, y in zip(weights, ours)],
        allow_unused=True,
    )  # fmt: skip
    for a, b, x in zip(theirs, mine, torch_leaves):
        wanted = narrowed(torch.zeros_like(x) if a is None else a, narrow)
        found = tensor_to_ours(torch.zeros_like(wanted)) if b is None else b
        compare(wanted, found, tolerance, "gradient")


def narrowed(value, dtype):
    """Double precision results, nested or not, in the precision that they stand in for."""
    if dtype is None:
        return value
    if isinstance(value, torch.Tensor):
        narrow = {torch.float64: dtype, torch.complex128: torch.complex64}
        return value.to(narrow.get(value.dtype, value.dtype))
    if isinstance(value, list | tuple):
        return tuple(narrowed(item, dtype) for item in value)
    return value


def to_leaves(value, leaves):
    if isinstance(value, torch.Tensor):
        if value.requires_grad:
            leaves.append(value)
    elif isinstance(value, list | tuple):
        for item in value:
            to_leaves(item, leaves)
    elif isinstance(value, dict):
        for item in value.values():
            to_leaves(item, leaves)


def run_entry(entry, dtype, verbose):
    """("passed" | "failed" | "not built", detail) of one database entry."""
    try:
        function = ADAPTERS.get(label_of(entry)) or find(entry.name)
    except NotBuilt:
        return "not built", ""
    torch_dtype = getattr(torch, dtype)
    if torch_dtype not in entry.dtypes:
        return "passed", f"has no {dtype}"
    count = 0
    tolerance = TOLERANCES[dtype]
    if dtype == "float32" and entry.name in ILL_CONDITIONED:
        tolerance = (1e-3, 1e-3)
    try:
        for sample in entry.sample_inputs(
            "cpu", torch_dtype, requires_grad=entry.supports_autograd
        ):
            try:
                check_sample(entry, function, sample, tolerance, dtype)
            except (Exception, SystemError) as error:
                detail = f"{type(error).__name__}: {str(error).strip()}"
                if verbose:
                    traceback.print_exc()
                    print(f"    sample: {sample.summary()}")
                return "failed", " ".join(detail.split())[:160]
            count += 1
    except NotImplementedError as error:
        return "not built", str(error)
    return "passed", f"{count} samples"


def run_errors(entry):
    """("passed" | "failed" | "not built", detail) of the error inputs of an entry."""
    try:
        function = ADAPTERS.get(label_of(entry)) or find(entry.name)
    except NotBuilt:
        return "not built", ""
    if entry.error_inputs_func is None:
        return "passed", "has none"
    count = 0
    wrong = []
    for error in entry.error_inputs("cpu"):
        sample, count = error.sample_input, count + 1
        try:
            entry(sample.input, *sample.args, **sample.kwargs)
            continue  # PyTorch itself accepts it here
        except Exception as raised:  # noqa: BLE001  its type is compared
            expected = raised
        try:
            storages = {}
            arguments = to_ours((sample.input, *sample.args), [], storages)
            function(*arguments, **to_ours(sample.kwargs, [], storages))
            found = None
        except Exception as raised:  # noqa: BLE001  its type is compared
            found = raised
        if not isinstance(found, type(expected)):
            wrong.append(f"{found!r:.80}, expected {expected!r:.120}")
    if wrong:
        return "failed", f"{len(wrong)} of {count}: {wrong[0]}"
    return "passed", f"{count} errors"


def known_failures():
    path = HERE / "conformance_known.txt"
    if not path.exists():
        return {}
    pairs = (line.split(maxsplit=1) for line in path.read_text().splitlines() if line.strip())
    return {pair[0]: pair[1] for pair in pairs if pair[0] != "#"}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="only these ops")
    parser.add_argument("--dtype", default="float64", choices=sorted(TOLERANCES))
    parser.add_argument("--errors", action="store_true", help="the error inputs")
    parser.add_argument("--verbose", action="store_true", help="print tracebacks")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    from torch.testing._internal.common_methods_invocations import op_db

    names = options.names or (HERE / "conformance_ops.txt").read_text().split()
    known = known_failures()
    counts = {"passed": 0, "failed": 0, "not built": 0}
    unexpected = []
    for entry in op_db:
        if entry.name not in names:
            continue
        label = label_of(entry)
        if options.errors:
            result, detail = run_errors(entry)
        else:
            result, detail = run_entry(entry, options.dtype, options.verbose)
        counts[result] += 1
        if result != "passed":
            reason = known.get(f"{label}:errors" if options.errors else label)
            print(f"{result:10s} {label:50s} {reason or detail}", flush=True)
            if result == "failed" and reason is None:
                unexpected.append(label)
    print(
        f"{'errors' if options.errors else options.dtype}: "
        + ", ".join(f"{count} {name}" for name, count in counts.items())
    )
    return 1 if unexpected else 0


if __name__ == "__main__":
    sys.exit(main())
