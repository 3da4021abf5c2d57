"""What both have is called alike: parameters' names, order and defaults (`signatures.py`)."""

import pytest

import numbatorch

torch = pytest.importorskip("torch")

import signatures  # noqa: E402

#: What differs, with the reason beside it.
EXPECTED = {
    # the overload for padding="valid" has that as its default, which nothing can tell from 0
    **{f"torch.conv{n}d": {"padding=0.0, PyTorch 'valid'"} for n in (1, 2, 3)},
    "torch.enable_grad": {"has no orig_func", "order ; PyTorch orig_func"},  # __new__ takes it
    "torch.range": {"got an unexpected keyword argument 'pin_memory'"},  # PyTorch refuses it too
    # that of torch.mm; PyTorch's torch.sparse.mm is called with sparse= and dense=, as here
    "torch.sparse.mm": {"missing a required argument: 'sparse'"},
    # PyTorch's only method whose tensor is not its first argument, and may be given alone
    "torch.Tensor.where": {"missing a required argument: 'condition'"},
}

PAIRS = {name: (theirs, ours) for name, theirs, ours in signatures.pairs()}
FAMILIES = sorted({name.rsplit(".", 1)[0] for name in PAIRS})


def test_there_is_something_to_compare():
    assert len(PAIRS) > 2000


@pytest.mark.parametrize("family", FAMILIES)
def test_parameters(family):
    found = []
    for name, (theirs, ours) in PAIRS.items():
        if name.rsplit(".", 1)[0] == family:
            for text in signatures.differences(name, theirs, ours):
                if not text.endswith(tuple(EXPECTED.get(name, ("\0",)))):
                    found.append(f"{name}: {text}")
    assert not found, "\n".join(found)


def test_a_difference_is_found():
    def ours(input, dim=0, *, scale=1):
        pass

    def theirs(input, dims=0, *, scale=2, out=None):
        pass

    assert list(signatures.of_python(theirs, ours)) == [
        "has no dims",
        "scale=1.0, PyTorch 2.0",
        "has no out",
        "order input, dim; PyTorch input, dims",
    ]
    (schema,) = signatures.schemas("linalg_eigh")
    assert list(signatures.of_schema(schema, ours, method=False)) == [
        "(input=, UPLO=): got an unexpected keyword argument 'UPLO'"
    ]


def call(t, name, *args, **kwargs):
    place = t
    for part in name.split("."):
        place = getattr(place, part)
    result = place(*args, **kwargs)
    return result.tolist() if hasattr(result, "tolist") else [y.tolist() for y in result]


def matrix(t):
    return t.tensor([[4.0, 1.0], [1.0, 3.0]])


#: Calls by the names of parameters that overloads of one function call differently.
BY_NAME = {
    "tensor_split": [lambda t: {"input": matrix(t), "sections": 2},
                     lambda t: {"input": matrix(t), "indices": (1,)},
                     lambda t: {"input": matrix(t), "tensor_indices_or_sections": t.tensor(2)}],
    "hsplit": [lambda t: {"input": matrix(t), "sections": 2}],
    "isin": [lambda t: {"element": 1, "test_elements": matrix(t)},
             lambda t: {"elements": matrix(t), "test_element": 1}],
    "repeat_interleave": [lambda t: {"repeats": t.tensor([1, 2])},
                          lambda t: {"input": matrix(t), "repeats": 2, "dim": 0}],
    "swapaxes": [lambda t: {"input": matrix(t), "axis0": 0, "axis1": 1}],
    "cholesky_solve": [lambda t: {"input": matrix(t), "input2": matrix(t).tril()}],
    "inverse": [lambda t: {"input": matrix(t)}],
    "orgqr": [lambda t: {"input": matrix(t), "input2": t.ones(2)}],
    "histogram": [lambda t: {"input": matrix(t)}],
    "arange": [lambda t: {"end": 3}, lambda t: {"start": 1, "end": 3}],
    "exp_": [lambda t: {"input": matrix(t)}],
    "linalg.eigvalsh": [lambda t: {"input": matrix(t), "UPLO": "U"}],
    "linalg.lstsq": [lambda t: {"input": matrix(t), "b": matrix(t)}],
    "linalg.solve_triangular": [lambda t: {"input": matrix(t), "B": matrix(t), "upper": True}],
    "linalg.vector_norm": [lambda t: {"input": matrix(t), "ord": 1}],
    "polygamma": [lambda t: {"n": 1, "input": matrix(t)}],
    "zeros_like": [lambda t: {"input": matrix(t), "pin_memory": False}],
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "arguments"), [(name, make) for name, all_of in BY_NAME.items() for make in all_of]
)
def test_calls_by_name(name, arguments):
    def flat(x):
        return [z for y in x for z in flat(y)] if isinstance(x, list) else [x]

    expected = flat(call(torch, name, **arguments(torch)))
    assert flat(call(numbatorch, name, **arguments(numbatorch))) == pytest.approx(
        expected, rel=1e-5, abs=1e-6
    )


def test_methods_by_name():
    for t in (torch, numbatorch):
        x = matrix(t)
        assert t.zeros(2, 2).copy_(other=x, non_blocking=False).equal(x)
        assert x.clone().resize_(size=(4,)).shape == (4,)
        assert x.sum_to_size(size=(1, 2)).tolist() == [[5.0, 4.0]]
        assert x.norm(1, 0, False, t.float64).dtype is t.float64
        assert t.result_type(scalar=1, tensor=x) is t.float32
        assert t.result_type(scalar1=1, scalar2=1.0) is t.float32
        assert t.randint_like(x, high=1).tolist() == [[0.0, 0.0], [0.0, 0.0]]
        with pytest.raises(TypeError):
            t.arange()


def test_dictionaries_of_inputs():
    for t in (torch, numbatorch):
        x = t.ones(2, requires_grad=True)
        assert {k: g.tolist() for k, g in t.autograd.grad((x * 3).sum(), {"x": x}).items()} == {
            "x": [3.0, 3.0]
        }
        t.autograd.backward((x * 2).sum(), inputs={"x": x})
        assert x.grad.tolist() == [2.0, 2.0]
        with pytest.warns(FutureWarning, match="grad_variables"):
            t.autograd.backward(x * 2, grad_variables=t.ones(2))
        assert x.grad.tolist() == [4.0, 4.0]
