"""Random numbers on the device: PyTorch's Philox streams, the distributions, seeds and states."""

import math

import numpy as np
import pytest

import numbatorch as torch
from numbatorch import cuda_target


def words(seed, counter, stream):
    """Philox4x32-10 in Python's integers, as the paper has it."""
    mask = 0xFFFFFFFF
    key0, key1 = seed & mask, seed >> 32
    a, b, c, d = counter & mask, counter >> 32, stream & mask, stream >> 32
    for _ in range(10):
        left, right = a * 0xD2511F53, c * 0xCD9E8D57
        a, b, c, d = right >> 32 ^ b ^ key0, right & mask, left >> 32 ^ d ^ key1, left & mask
        key0, key1 = (key0 + 0x9E3779B9) & mask, (key1 + 0xBB67AE85) & mask
    return a, b, c, d


def in_pytorchs_order(count, seed, first_block=0, each=4, limit=None):
    """(place, words, which of the turn's values) of all samples, by the launch that PyTorch makes."""
    limit = limit or cuda_target.resident_threads(0)
    threads = 256 * min(limit // 256, math.ceil(count / 256))
    for i in range(count):
        turn, rest = divmod(i, threads * each)
        which, thread = divmod(rest, threads)
        yield words(seed, first_block + turn, thread), which


def test_known_answers():
    """The test vectors of the authors' library."""
    assert words(0, 0, 0) == (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)
    ones = (1 << 64) - 1
    assert words(ones, ones, ones) == (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)
    key, counter, stream = 0x299F31D0A4093822, 0x85A308D3243F6A88, 0x0370734413198A2E
    assert words(key, counter, stream) == (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1)


def test_the_numbers_that_pytorch_prints():
    """Recorded from PyTorch on CUDA devices."""
    torch.manual_seed(0)
    found = torch.rand(5, device="cuda").tolist()
    assert found == pytest.approx([0.3990, 0.5167, 0.0249, 0.9401, 0.9459], abs=5e-5)
    torch.manual_seed(0)
    found = torch.randn(5, device="cuda").tolist()
    assert found == pytest.approx([-0.9247, -0.4253, -2.6438, 0.1452, -0.1209], abs=5e-5)


@pytest.mark.parametrize("count", [1, 7, 256, 1100])
def test_uniform_samples_in_pytorchs_order(count, monkeypatch):
    monkeypatch.setattr("numbatorch.cuda_kernels.random.resident_threads", lambda index: 256)
    generator = torch.Generator("cuda").manual_seed((5 << 32) + 7)
    for first_block in (0, math.ceil(count / 1024)):
        found = torch.rand(count, device="cuda", generator=generator).tolist()
        expected = [
            np.float32(np.float32(drawn[which]) * np.float32(2**-32) + np.float32(2**-33))
            for drawn, which in in_pytorchs_order(count, (5 << 32) + 7, first_block, limit=256)
        ]
        assert found == [float(x) if x < 1 else 0.0 for x in expected]
    assert generator.get_offset() == 2 * 4 * math.ceil(count / 1024)


def test_doubles_and_integers():
    count, seed = 300, 11
    generator = torch.Generator("cuda").manual_seed(seed)
    found = torch.rand(count, dtype=torch.float64, device="cuda", generator=generator).tolist()
    for value, (drawn, which) in zip(found, in_pytorchs_order(count, seed, each=2)):
        low, high = drawn[2 * which : 2 * which + 2]
        assert value == float(low ^ high << 21) * 2.0**-53 + 2.0**-54
    generator.manual_seed(seed)
    found = torch.randint(-5, 12, (count,), device="cuda", generator=generator).tolist()
    drawn = list(in_pytorchs_order(count, seed))
    assert found == [block[which] % 17 - 5 for block, which in drawn]
    generator.manual_seed(seed)
    found = torch.randint(3, 1 << 40, (count,), device="cuda", generator=generator).tolist()
    for value, (block, which) in zip(found, in_pytorchs_order(count, seed, each=2)):
        high, low = block[2 * which : 2 * which + 2]
        assert value == (high << 32 | low) % ((1 << 40) - 3) + 3


def sample(fill, count=4000, dtype=torch.float32):
    torch.manual_seed(1)
    drawn = fill(torch.empty(count, dtype=dtype, device="cuda"))
    return drawn.cpu().to(torch.float64).numpy()


def parameters(*values, count=4000):
    return [torch.full((count,), value, device="cuda") for value in values]


@pytest.mark.parametrize(
    "draw, mean, deviation",
    [
        (lambda x: x.uniform_(-1, 3), 1, 4 / math.sqrt(12)),
        (lambda x: x.normal_(2, 3), 2, 3),
        (lambda x: x.exponential_(4), 0.25, 0.25),
        (lambda x: x.bernoulli_(0.3), 0.3, math.sqrt(0.21)),
        (lambda x: x.geometric_(0.25), 4, math.sqrt(12)),
        (lambda x: x.log_normal_(0, 0.5), math.exp(0.125), math.exp(0.125) * 0.533),
        (lambda x: torch.poisson(x.fill_(3)), 3, math.sqrt(3)),
        (lambda x: torch.poisson(x.fill_(50)), 50, math.sqrt(50)),
        (lambda x: torch._standard_gamma(x.fill_(2.5)), 2.5, math.sqrt(2.5)),
        (lambda x: torch._standard_gamma(x.fill_(0.5)), 0.5, math.sqrt(0.5)),
        (lambda x: torch.binomial(x.fill_(20), *parameters(0.1)), 2, math.sqrt(1.8)),
        (lambda x: torch.binomial(x.fill_(100), *parameters(0.6)), 60, math.sqrt(24)),
        (lambda x: torch.bernoulli(x.fill_(0.2)), 0.2, 0.4),
    ],
)
def test_means_and_deviations(draw, mean, deviation):
    found = sample(draw)
    error = deviation / math.sqrt(found.size)
    assert abs(found.mean() - mean) < 5 * error
    assert found.std() == pytest.approx(deviation, rel=0.15)


@pytest.mark.parametrize("name", ["float16", "bfloat16", "float64"])
def test_uniform_samples_stay_below_the_limit(name):
    found = sample(lambda x: x.uniform_(2, 3), dtype=getattr(torch, name))
    assert found.min() >= 2
    assert found.max() < 3


def test_permutations_and_choices():
    assert sorted(torch.randperm(100, device="cuda").tolist()) == list(range(100))
    weights = torch.tensor([[0.0, 1.0, 0.0, 3.0, 0.0], [2.0, 0.0, 0.0, 0.0, 2.0]], device="cuda")
    drawn = torch.multinomial(weights, 2000, replacement=True).cpu().numpy()
    counts = [np.bincount(row, minlength=5) / 2000 for row in drawn]
    np.testing.assert_allclose(counts[0], [0, 0.25, 0, 0.75, 0], atol=0.05)
    np.testing.assert_allclose(counts[1], [0.5, 0, 0, 0, 0.5], atol=0.05)
    assert sorted(torch.multinomial(weights[0], 2).tolist()) == [1, 3]


def test_dropout_keeps_the_share_that_it_says():
    kept = torch.nn.functional.dropout(torch.ones(4000, device="cuda"), 0.25).cpu().numpy()
    assert set(kept.tolist()) == {0.0, float(np.float32(1 / 0.75))}
    assert abs((kept > 0).mean() - 0.75) < 0.05


def test_seeds_and_states():
    torch.manual_seed(4)
    first = torch.rand(3, device="cuda")
    torch.cuda.manual_seed(4)
    assert torch.cuda.initial_seed() == 4
    assert torch.rand(3, device="cuda").tolist() == first.tolist()
    state = torch.cuda.get_rng_state()
    assert (state.dtype, state.numel(), str(state.device)) == (torch.uint8, 16, "cpu")
    second = torch.rand(3, device="cuda")
    torch.cuda.set_rng_state(state)
    assert torch.rand(3, device="cuda").tolist() == second.tolist()
    torch.cuda.set_rng_state_all(torch.cuda.get_rng_state_all())
    third = torch.rand(3)
    torch.cuda.manual_seed_all(9)
    assert torch.cuda.initial_seed() == 9
    assert third.tolist() != torch.rand(3).tolist()  # the host's stream goes on


def test_forked_states_come_back():
    torch.manual_seed(4)
    torch.rand(3, device="cuda")
    with torch.random.fork_rng():
        inside = torch.rand(3, device="cuda")
    assert torch.rand(3, device="cuda").tolist() == inside.tolist()


def test_generators_of_the_device():
    generator = torch.Generator(device="cuda")
    assert generator.device.type == "cuda"
    generator.manual_seed(3)
    first = torch.rand(3, device="cuda", generator=generator)
    generator.set_offset(0)
    assert torch.rand(3, device="cuda", generator=generator).tolist() == first.tolist()
    twin = generator.clone_state()
    assert twin.get_offset() == generator.get_offset() == 4
    with pytest.raises(RuntimeError, match="multiple of 4"):
        generator.set_offset(2)
    with pytest.raises(RuntimeError, match="'cpu' device type for generator but found 'cuda'"):
        torch.rand(3, generator=generator)
    with pytest.raises(RuntimeError, match="wrong size"):
        generator.set_state(torch.zeros(5, dtype=torch.uint8))
