"""Random numbers: PyTorch's, from the same seed, bit for bit."""

import copy
import pickle
import warnings

import numpy as np
import pytest
import random_programs as programs
from recorded_random import RECORDED

import numbatorch as nt
from numbatorch import dtypes
from numbatorch.cpu_kernels import mersenne_twister


def _bits(tensor):
    """The elements as they lie in memory, in row-major order."""
    tensor = tensor.detach().contiguous()
    if isinstance(tensor, nt.Tensor):
        return tensor.as_numpy().tobytes()
    import torch

    flat = tensor.reshape(-1)
    return flat.view(torch.uint8).numpy().tobytes() if flat.numel() else b""


def _same(theirs, ours):
    assert tuple(theirs.shape) == tuple(ours.shape)
    assert str(theirs.dtype) == str(ours.dtype)
    assert _bits(theirs) == _bits(ours)


def _check(program):
    torch = pytest.importorskip("torch")
    torch.manual_seed(programs.SEED)
    nt.manual_seed(programs.SEED)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _same(program(torch), program(nt))
    assert torch.get_rng_state().numpy().tobytes() == nt.get_rng_state().numpy().tobytes()


FILLS = [
    pytest.param(program, dtype, id=f"{name}-{dtype}")
    for name, (program, names) in programs.FILLS.items()
    for dtype in names
]


@pytest.mark.parametrize("program, dtype", FILLS)
def test_elements_are_those_of_pytorch(program, dtype):
    for size in programs.SIZES:
        _check(lambda torch: program(torch, size, dtype))  # noqa: B023


@pytest.mark.parametrize("dtype", programs.PERMUTATIONS["randperm"][1])
def test_permutations_are_those_of_pytorch(dtype):
    for size in programs.SIZES:
        _check(lambda torch: programs.PERMUTATIONS["randperm"][0](torch, size, dtype))  # noqa: B023


CHOICES = [
    pytest.param(program, dtype, id=f"{name}-{dtype}")
    for name, (program, names) in programs.CHOICES.items()
    for dtype in names
]


@pytest.mark.parametrize("program, dtype", CHOICES)
def test_choices_are_those_of_pytorch(program, dtype):
    for size in programs.SIZES[1:-1]:
        _check(lambda torch: program(torch, size, dtype))  # noqa: B023


@pytest.mark.parametrize("draw", programs.DRAWS.values(), ids=programs.DRAWS.keys())
@pytest.mark.parametrize("layout", programs.LAYOUTS.values(), ids=programs.LAYOUTS.keys())
def test_elements_are_drawn_in_the_order_of_memory(layout, draw):
    _check(lambda torch: draw(torch, layout(torch)))


def test_feature_dropout():
    for name in ("feature_dropout", "feature_alpha_dropout"):
        for shape in ((3, 5), (4, 6, 2, 3)):
            _check(lambda torch: getattr(torch, name)(torch.ones(shape), 0.4, True))  # noqa: B023


def test_a_generator_of_its_own():
    def program(torch):
        generator = torch.Generator().manual_seed(11)
        torch.empty(9).normal_(generator=generator)
        torch.rand(5)
        return torch.randn(20, generator=generator)

    _check(program)


# Recorded from PyTorch 2.13 -----------------------------------------------------------------------


@pytest.mark.small
@pytest.mark.parametrize("name", RECORDED)
def test_recorded_elements(name):
    table = {**programs.FILLS, **programs.PERMUTATIONS, **programs.CHOICES}
    program, names = table[name]
    nt.manual_seed(programs.SEED)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = program(nt, 17, names[0]).tolist()
    # Logarithms and the like may differ in the last place between C libraries.
    np.testing.assert_allclose(found, RECORDED[name], rtol=1e-6)


def test_the_stream_of_words():
    """MT19937's words, in three blocks and across their borders."""
    nt.manual_seed(5489)
    words = np.random.RandomState(5489).randint(0, 2**32, 2000, dtype=np.uint32)
    found = np.concatenate([nt.rand(n).numpy() for n in (1, 623, 2, 1000, 374)])
    np.testing.assert_array_equal(found, (words & 0xFFFFFF).astype(np.float32) * 2.0**-24)


# The generator ------------------------------------------------------------------------------------


def test_state_goes_to_pytorch_and_back():
    torch = pytest.importorskip("torch")
    for draws in (0, 1, 3, 623, 624, 625, 1000):
        torch.manual_seed(3)
        torch.rand(draws)
        torch.randn(3)  # leaves a sample waiting
        generator = nt.Generator()
        generator.set_state(nt.from_numpy(torch.get_rng_state().numpy()))
        assert generator.initial_seed() == 3
        assert generator.get_state().numpy().tobytes() == torch.get_rng_state().numpy().tobytes()
        _same(torch.randn(5), nt.randn(5, generator=generator))
        torch.default_generator.set_state(torch.from_numpy(generator.get_state().numpy()))
        _same(torch.rand(700), nt.rand(700, generator=generator))


def test_state_restores_the_stream():
    state = nt.get_rng_state()
    first = nt.randn(5).tolist()
    nt.set_rng_state(state)
    assert nt.randn(5).tolist() == first
    with nt.random.fork_rng():
        nt.manual_seed(1)
        nt.rand(100)
    after = nt.rand(1).item()
    nt.set_rng_state(state)
    nt.randn(5)
    assert nt.rand(1).item() == after


def test_generators_are_copied_with_their_state():
    generator = nt.Generator().manual_seed(4)
    nt.randn(3, generator=generator)
    copies = [copy.deepcopy(generator), pickle.loads(pickle.dumps(generator))]
    copies.append(generator.clone_state())
    expected = nt.rand(3, generator=generator).tolist()
    for other in copies:
        assert nt.rand(3, generator=other).tolist() == expected


def test_seeds():
    assert nt.Generator().initial_seed() == 67280421310721
    assert nt.manual_seed(-1).initial_seed() == 2**64 - 1
    assert nt.manual_seed(2**63) is nt.default_generator
    assert nt.initial_seed() == 2**63
    assert nt.seed() == nt.initial_seed()
    assert nt.Generator().device == nt.device("cpu")
    for wrong, error in ((2**64, ValueError), (-(2**63) - 1, ValueError), ("a", ValueError)):
        with pytest.raises(error):
            nt.manual_seed(wrong)
    with pytest.raises(RuntimeError, match="expected a long, but got float"):
        nt.Generator().manual_seed(1.5)


def test_bad_states_are_refused():
    generator = nt.Generator()
    before = generator.get_state()
    for wrong, error in (
        (before.narrow(0, 0, 10), RuntimeError),
        (nt.zeros(5056), TypeError),
        ([1], TypeError),
        (nt.zeros(5056, dtype=nt.uint8), RuntimeError),
    ):
        with pytest.raises(error):
            generator.set_state(wrong)
    bytes_ = before.numpy().copy()
    bytes_[16], bytes_[8] = 200, 5  # the next word's place does not agree with the words left
    broken = nt.from_numpy(bytes_)
    with pytest.raises(RuntimeError, match="Invalid mt19937 state"):
        generator.set_state(broken)
    assert generator.get_state().tolist() == before.tolist()


# Arguments ----------------------------------------------------------------------------------------

WRONG = {
    "negative size": lambda torch: torch.rand(-1),
    "size not an int": lambda torch: torch.rand(3.5),
    "randint of bool": lambda torch: torch.randint(3, (2,), dtype=torch.bool),
    "randint of an empty range": lambda torch: torch.randint(5, 5, (2,)),
    "randint beyond uint8": lambda torch: torch.randint(0, 300, (2,), dtype=torch.uint8),
    "randint without size": lambda torch: torch.randint(3),
    "randint beyond int32": lambda torch: torch.randint(2**40, (2,), dtype=torch.int32),
    "rand of int": lambda torch: torch.rand(2, dtype=torch.int64),
    "randn of int": lambda torch: torch.randn(2, dtype=torch.int32),
    "randperm of -1": lambda torch: torch.randperm(-1),
    "randperm beyond uint8": lambda torch: torch.randperm(300, dtype=torch.uint8),
    "randperm beyond float16": lambda torch: torch.randperm(3000, dtype=torch.float16),
    "randperm of bool": lambda torch: torch.randperm(3, dtype=torch.bool),
    "bernoulli above 1": lambda torch: torch.bernoulli(torch.tensor([1.5])),
    "bernoulli of nan": lambda torch: torch.bernoulli(torch.tensor([float("nan")])),
    "bernoulli_ above 1": lambda torch: torch.empty(2).bernoulli_(1.5),
    "bernoulli of int": lambda torch: torch.bernoulli(torch.ones(2, dtype=torch.int64)),
    "bernoulli_ of another shape": lambda torch: torch.empty(2).bernoulli_(torch.ones(3)),
    "uniform_ backwards": lambda torch: torch.empty(2).uniform_(2, 1),
    "uniform_ of int": lambda torch: torch.empty(2, dtype=torch.int64).uniform_(),
    "uniform_ too wide": lambda torch: torch.empty(2).uniform_(-3e38, 3e38),
    "uniform_ beyond half": lambda torch: torch.empty(2, dtype=torch.half).uniform_(0, 1e6),
    "uniform_ from nan": lambda torch: torch.empty(2).uniform_(float("nan"), 1),
    "normal_ below 0": lambda torch: torch.empty(2).normal_(0, -1),
    "normal below 0": lambda torch: torch.normal(torch.zeros(2), -1),
    "normal of std below 0": lambda torch: torch.normal(torch.zeros(2), torch.tensor([-1.0, 1])),
    "normal of two shapes": lambda torch: torch.normal(torch.zeros(2), torch.ones(3)),
    "normal_ of int": lambda torch: torch.empty(2, dtype=torch.int64).normal_(),
    "normal of numbers": lambda torch: torch.normal(0, 1),
    "normal of int": lambda torch: torch.normal(0, torch.ones(2, dtype=torch.int64)),
    "exponential_ below 0": lambda torch: torch.empty(2).exponential_(-1),
    "exponential_ of int": lambda torch: torch.empty(2, dtype=torch.int64).exponential_(),
    "geometric_ of 0": lambda torch: torch.empty(2).geometric_(0),
    "geometric_ of 1": lambda torch: torch.empty(2).geometric_(1),
    "geometric_ of bool": lambda torch: torch.empty(3, dtype=torch.bool).geometric_(0.5),
    "cauchy_ below 0": lambda torch: torch.empty(2).cauchy_(0, -1),
    "cauchy_ of int": lambda torch: torch.empty(2, dtype=torch.int64).cauchy_(),
    "log_normal_ of 0": lambda torch: torch.empty(2).log_normal_(1, 0),
    "log_normal_ of int": lambda torch: torch.empty(2, dtype=torch.int64).log_normal_(),
    "random_ of an empty range": lambda torch: torch.empty(2).random_(5, 5),
    "random_ beyond uint8": lambda torch: torch.empty(2, dtype=torch.uint8).random_(0, 300),
    "random_ beyond half": lambda torch: torch.empty(2, dtype=torch.half).random_(0, 70000),
    "random_ of complex": lambda torch: torch.empty(2, dtype=torch.complex64).random_(),
    "multinomial of too many": lambda torch: torch.multinomial(torch.ones(3), 4),
    "multinomial of none": lambda torch: torch.multinomial(torch.ones(3), 0),
    "multinomial of zeros": lambda torch: torch.multinomial(torch.zeros(3), 1, True),
    "multinomial below 0": lambda torch: torch.multinomial(-torch.ones(3), 1, True),
    "multinomial of int": lambda torch: torch.multinomial(torch.ones(3, dtype=torch.int64), 1),
    "multinomial of rank 3": lambda torch: torch.multinomial(torch.ones(1, 2, 3), 1),
    "multinomial of rank 0": lambda torch: torch.multinomial(torch.ones(()), 1),
    "multinomial of inf": lambda torch: torch.multinomial(torch.tensor([1.0, float("inf")]), 1),
    "multinomial of nan": lambda torch: torch.multinomial(torch.tensor([1.0, float("nan")]), 1),
    "dropout above 1": lambda torch: torch.dropout(torch.ones(2), 1.5, True),
    "dropout of nan": lambda torch: torch.dropout(torch.ones(2), float("nan"), True),
    "dropout of int": lambda torch: torch.dropout(torch.ones(2, dtype=torch.int64), 0.5, True),
    "feature_dropout of rank 1": lambda torch: torch.feature_dropout(torch.ones(2), 0.5, True),
    "rrelu backwards": lambda torch: torch.rrelu(torch.ones(2), 2.0, 1.0, True),
    "rrelu of int": lambda torch: torch.rrelu(torch.ones(2, dtype=torch.int64), training=True),
    "poisson below 0": lambda torch: torch.poisson(-torch.ones(2)),
    "poisson of int": lambda torch: torch.poisson(torch.ones(2, dtype=torch.int64)),
    "binomial of two shapes": lambda torch: torch.binomial(torch.ones(2), torch.ones(3)),
    "binomial of two dtypes": lambda torch: torch.binomial(
        torch.ones(2), torch.ones(2, dtype=torch.float64)
    ),
    "leaf in place": lambda torch: torch.ones(2, requires_grad=True).normal_(),
    "expanded in place": lambda torch: torch.ones(1).expand(3).normal_(),
    "rand_like of int": lambda torch: torch.rand_like(torch.ones(2, dtype=torch.int64)),
    "generator not one": lambda torch: torch.rand(2, generator=5),
}


@pytest.mark.parametrize("call", WRONG.values(), ids=WRONG.keys())
def test_wrong_arguments_raise_what_pytorch_raises(call):
    torch = pytest.importorskip("torch")
    state = nt.get_rng_state().tolist()
    with pytest.raises(Exception) as theirs:  # noqa: B017
        call(torch)
    with pytest.raises(theirs.type):
        call(nt)
    assert nt.get_rng_state().tolist() == state  # nothing was drawn


# Gradients and forms ------------------------------------------------------------------------------


def test_dropout_passes_gradients_where_it_passed_values():
    x = nt.ones(50, requires_grad=True)
    y = nt.dropout(x, 0.4, True)
    y.backward(nt.ones(50))
    assert x.grad.tolist() == y.tolist()
    assert set(np.round(y.tolist(), 5)) == {0.0, np.round(1 / 0.6, 5)}


def test_dropout_returns_its_input_where_it_does_nothing():
    x = nt.ones(4)
    assert nt.dropout(x, 0.4, False) is x
    assert nt.dropout(x, 0.0, True) is x
    assert nt.dropout(x, 1.0, True).tolist() == [0.0] * 4


def test_rrelu_passes_gradients_with_its_slopes():
    x = nt.tensor([-1.0, 2.0, -3.0], requires_grad=True)
    y = nt.rrelu(x, 0.1, 0.3, True)
    y.sum().backward()
    np.testing.assert_allclose(x.grad.tolist(), np.array(y.tolist()) / np.array(x.tolist()))
    assert nt.rrelu(x, 0.1, 0.3).tolist() == (x * nt.tensor([0.2, 1.0, 0.2])).tolist()


def test_in_place_draws_cut_the_history():
    x = nt.ones(3, requires_grad=True)
    y = x * 2
    y.normal_()
    assert repr(y).endswith("grad_fn=<NormalBackward0>)")
    y.backward(nt.ones(3))
    assert x.grad.tolist() == [0.0] * 3


def test_sizes_by_name():
    for create in (nt.rand, nt.randn, nt.zeros, nt.ones, nt.empty, nt.ones(1).new_zeros):
        assert create(2, 3).shape == create((2, 3)).shape == create(size=[2, 3]).shape == (2, 3)
        assert create(()).shape == ()
        with pytest.raises(TypeError, match="size"):
            create()
    assert nt.randint(high=3, size=(2,)).shape == nt.randint(low=1, high=3, size=(2,)).shape
    assert nt.randint(0, high=3, size=(2,)).shape == nt.randint(3, (2,)).shape


def test_out_is_filled_and_resized():
    out = nt.empty(2, dtype=nt.float64)
    nt.manual_seed(1)
    assert nt.rand(2, 3, out=out) is out
    nt.manual_seed(1)
    assert out.tolist() == nt.rand(2, 3, dtype=nt.float64).tolist()


def test_no_draw_touches_memory_beyond_its_tensor():
    for dtype in (nt.float32, nt.float64, nt.float16):
        for size in (1, 15, 16, 17, 47, 1024, 1025):
            memory = nt.zeros(size + 32, dtype=dtype)
            inner = memory.narrow(0, 16, size)
            inner.normal_()
            inner.uniform_(1, 2)
            inner.bernoulli_(0.5).add_(1)
            values = memory.tolist()
            assert values[:16] == values[16 + size :] == [0.0] * 16


def test_every_specialisation_reads_only_its_block():
    assert mersenne_twister.BLOCK % 32 == 0  # whole Box-Muller blocks in float64 as in float32
    assert {d.name for d in dtypes.ALL} >= set(programs.FLOATING)
