"""Names that programs use though they are private, deprecated or taken out: as in PyTorch."""

import warnings

import pytest

import numbatorch

torch = pytest.importorskip("torch")
BOTH = pytest.mark.parametrize("t", [torch, numbatorch], ids=["torch", "numbatorch"])


def outcome(t, call):
    """Values, or the type of the exception."""

    def plain(x):
        if isinstance(x, list | tuple):
            return [plain(y) for y in x]
        return (x.tolist(), str(x.dtype)) if hasattr(x, "tolist") else x

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            found = call(t)
        except Exception as error:  # noqa: BLE001  of any type
            return type(error).__name__
    return type(found).__name__, plain(found)


def agree(expected, found):
    if isinstance(expected, list | tuple):
        return len(expected) == len(found) and all(map(agree, expected, found))
    if isinstance(expected, float):
        return found == pytest.approx(expected, rel=1e-6, nan_ok=True)
    return found == expected


def same(call):
    expected, found = outcome(torch, call), outcome(numbatorch, call)
    assert agree(expected, found), f"{found}, and not {expected}"


@BOTH
def test_functions_that_were_removed(t):
    x = t.eye(2)
    for name in ("symeig", "eig", "matrix_rank", "solve", "lstsq"):
        with pytest.raises(RuntimeError, match="deprecated since version 1.9 and is now removed"):
            getattr(t, name)(x, x) if name in ("solve", "lstsq") else getattr(t, name)(x)
    for name in ("symeig", "eig"):
        with pytest.raises(RuntimeError, match="now removed"):
            getattr(x, name)()


@pytest.mark.parametrize(
    "name",
    ["to_dense", "values", "indices", "coalesce", "is_coalesced", "sparse_dim", "dense_dim",
     "crow_indices", "col_indices", "ccol_indices", "row_indices"],
)  # fmt: skip
def test_questions_about_layout(name):
    same(lambda t: getattr(t.eye(2), name)())


def test_to_dense_casts():
    same(lambda t: t.eye(2).to_dense(t.float64))


@pytest.mark.parametrize(
    "call",
    [
        lambda t, x, s: x + s,
        lambda t, x, s: x - s,
        lambda t, x, s: s + x,
        lambda t, x, s: x.add(s),
        lambda t, x, s: t.add(x, s, alpha=2),
        lambda t, x, s: t.sub(x, s, alpha=2),
        lambda t, x, s: x.add_(s, alpha=3),
        lambda t, x, s: x.sub_(s),
        lambda t, x, s: t.ones(3).add_(s),
        lambda t, x, s: s.add(x),
    ],
)
def test_sums_with_sparse_tensors(call):
    def made(t):
        s = t.sparse_coo_tensor([[0, 1, 1], [1, 0, 0]], [2.0, 3.0, 4.0], (2, 2))
        return call(t, t.ones(2, 2), s)

    same(made)


@BOTH
def test_checks(t):
    t._assert(True, "fine")
    with pytest.raises(AssertionError, match="not so"):
        t._assert(False, "not so")
    t._check(True)
    for name, error in (
        ("_check", RuntimeError), ("_check_index", IndexError), ("_check_value", ValueError),
        ("_check_type", TypeError), ("_check_not_implemented", NotImplementedError),
    ):  # fmt: skip
        with pytest.raises(error, match="Expected cond to be True, but got False"):
            getattr(t, name)(False)
        with pytest.raises(error, match="because"):
            getattr(t, name)(False, lambda: "because")
    with pytest.raises(ValueError, match="x"):
        t._check_with(ValueError, False, lambda: "x")
    for wrong in (1, t.ones(1), None):
        with pytest.raises(TypeError):
            t._check(wrong)
    t._check_tensor_all(t.ones(2) > 0)
    with pytest.raises(RuntimeError, match="Expected cond"):
        t._check_tensor_all(t.ones(2) > 2)
    with pytest.warns(FutureWarning), pytest.raises(RuntimeError):
        t._check_is_size(-1)
    with pytest.warns(FutureWarning):
        t._check_is_size(2, max=2)


def lists(t):
    return [t.tensor([0.25, -0.5]), t.tensor([[0.75]], dtype=t.float64)]


FOREACH = {
    "add": [lambda t: (1,), lambda t: ([1, 2],), lambda t: (lists(t),), lambda t: (t.tensor(2.0),),
            lambda t: ([1],), lambda t: (lists(t)[:1],), lambda t: (t.ones(2),)],
    "sub": [lambda t: (1,), lambda t: (lists(t),)],
    "mul": [lambda t: (1.5,), lambda t: ([1, 2.5],), lambda t: (t.tensor(2.0),)],
    "div": [lambda t: (2,), lambda t: (lists(t),)],
    "maximum": [lambda t: (0.5,), lambda t: (lists(t)[::-1],), lambda t: ([0.1, 1],)],
    "minimum": [lambda t: (0.5,), lambda t: (lists(t),)],
    "clamp_min": [lambda t: (0.5,), lambda t: ([0.1, 1],), lambda t: (lists(t),)],
    "clamp_max": [lambda t: (0.5,), lambda t: (lists(t),)],
    "pow": [lambda t: (2,), lambda t: ([2, 3],), lambda t: (lists(t),)],
    "lerp": [lambda t: (lists(t), 0.5), lambda t: (lists(t), lists(t)),
             lambda t: (lists(t), [0.25, 0.5])],
    "addcmul": [lambda t: (lists(t), lists(t)), lambda t: (lists(t), lists(t), 2),
                lambda t: (lists(t), lists(t), [1.0, 2.0]),
                lambda t: (lists(t), lists(t), t.tensor([1.0, 2.0]))],
    "addcdiv": [lambda t: (lists(t), lists(t), 2), lambda t: (lists(t), lists(t)[:1])],
}  # fmt: skip
PLAIN = sorted(
    name.removeprefix("_foreach_").rstrip("_")
    for name in dir(torch)
    if name.startswith("_foreach_")
    and name.endswith("_")
    and name[9:-1] not in {*FOREACH, "zero", "copy"}
)


def test_every_function_of_lists_is_there():
    missing = [n for n in dir(torch) if n.startswith("_foreach") and not hasattr(numbatorch, n)]
    assert not missing


@pytest.mark.parametrize("inplace", ["", "_"])
@pytest.mark.parametrize("name", PLAIN)
def test_functions_of_lists(name, inplace):
    same(lambda t: getattr(t, f"_foreach_{name}{inplace}")(lists(t)))


@pytest.mark.parametrize("inplace", ["", "_"])
@pytest.mark.parametrize(
    ("name", "make"), [(name, make) for name, calls in FOREACH.items() for make in calls]
)
def test_functions_of_lists_and_others(name, make, inplace):
    same(lambda t: getattr(t, f"_foreach_{name}{inplace}")(lists(t), *make(t)))


@pytest.mark.parametrize(
    "call",
    [
        lambda t: t._foreach_norm(lists(t)),
        lambda t: t._foreach_norm(lists(t), 1, dtype=t.float64),
        lambda t: t._foreach_norm(lists(t), float("inf")),
        lambda t: t._foreach_powsum(lists(t), 3),
        lambda t: t._foreach_max(lists(t)),
        lambda t: t._foreach_max([t.ones(0)]),
        lambda t: t._foreach_clone(lists(t)),
        lambda t: t._foreach_mm([t.ones(2, 2)], [t.eye(2)]),
        lambda t: t._foreach_zero_(lists(t)),
        lambda t: t._foreach_copy_(lists(t), lists(t)),
        lambda t: t._foreach_copy_(lists(t), lists(t)[:1]),
        lambda t: t._foreach_pow(2.0, lists(t)),
        lambda t: t._foreach_add([], 1),
        lambda t: t._foreach_add(lists(t), lists(t), alpha=2),
        lambda t: t._foreach_add(lists(t), scalar=1),
        lambda t: t._foreach_add(lists(t), scalars=[1, 2]),
        lambda t: t._foreach_abs(t.ones(2)),
    ],
)
def test_other_functions_of_lists(call):
    same(call)


def test_gradients_pass_functions_of_lists():
    for t in (torch, numbatorch):
        x = t.tensor([2.0], requires_grad=True)
        (y,) = t._foreach_mul([x], 3)
        y.backward()
        assert x.grad.tolist() == [3.0]


@BOTH
def test_choosing_attention(t):
    cuda = t.backends.cuda
    assert cuda.flash_sdp_enabled() and cuda.math_sdp_enabled()
    with pytest.warns(FutureWarning, match="sdp_kernel"), cuda.sdp_kernel(enable_flash=False):
        assert not cuda.flash_sdp_enabled() and cuda.mem_efficient_sdp_enabled()
        q = t.ones(1, 1, 2, 4)
        assert t.nn.functional.scaled_dot_product_attention(q, q, q).tolist() == q.tolist()
    assert cuda.flash_sdp_enabled()
    cuda.enable_math_sdp(False)
    assert not cuda.math_sdp_enabled()
    cuda.enable_math_sdp(True)


@BOTH
def test_small_ones(t, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", "/somewhere")
    assert t.hub._get_torch_home() == "/somewhere"
    with pytest.warns(DeprecationWarning):
        assert not t.is_autocast_cpu_enabled()
    with pytest.warns(DeprecationWarning):
        assert t.get_autocast_cpu_dtype() is t.bfloat16
    with pytest.warns(DeprecationWarning):
        assert t.get_autocast_gpu_dtype() is t.float16
    cudnn = t.backends.cudnn
    kept = cudnn.deterministic
    with cudnn.flags(enabled=cudnn.enabled, deterministic=True):
        assert cudnn.deterministic
    assert cudnn.deterministic is kept


def test_cond():
    for pred in (True, numbatorch.tensor(False)):
        found = numbatorch.cond(pred, lambda x: x + 1, lambda x: x - 1, (numbatorch.ones(1),))
        assert found.tolist() == [2.0 if pred is True else 0.0]
