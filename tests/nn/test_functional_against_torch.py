"""Functions that no layer of the table reaches, or reaches in one way only, against PyTorch."""

import warnings

import numpy as np
import pytest
from module_cases import integers, normal, signs, uniform
from module_comparison import Fixed, Library, assert_same_values, outputs_of

import numbatorch

torch = pytest.importorskip("torch")


def fixed(array):
    return array.view(Fixed)


CAUSAL = np.triu(np.full((4, 5), -np.inf), 1).view(Fixed)
BLOCKED = np.array([[False, False, True, False, True], [False, True, False, False, False]])
GRID = np.random.default_rng(0).uniform(-1.3, 1.3, size=(2, 3, 4, 2))
GRID_3D = np.random.default_rng(0).uniform(-1.3, 1.3, size=(2, 2, 3, 2, 3))
THETA = normal(2, 2, 3)


def attention(t, q, k, v, mask=None, **options):
    return t.nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=mask, **options)


def heads(t, query, key, **options):
    """Multi-head attention with an attention mask or a padding mask."""
    t.manual_seed(0)
    module = t.nn.MultiheadAttention(4, 2).double()
    masks = {name: t.tensor(mask) for name, mask in options.items() if mask is not None}
    return module(query, key, key, **masks)


def packed(t, kind, x, lengths, enforce_sorted=True, **options):
    """A recurrent network over a packed sequence, unpacked again."""
    t.manual_seed(0)
    network = getattr(t.nn, kind)(3, 4, **options).double()
    sequences = t.nn.utils.rnn.pack_padded_sequence(x, lengths, enforce_sorted=enforce_sorted)
    output, state = network(sequences)
    return *t.nn.utils.rnn.pad_packed_sequence(output, padding_value=-1.0), state


def padded_encoder(t, x, padding):
    """An encoder in inference, where PyTorch leaves padded positions out of the computation."""
    t.manual_seed(0)
    layer = t.nn.TransformerEncoderLayer(4, 2, 8, batch_first=True)
    encoder = t.nn.TransformerEncoder(layer, 2, t.nn.LayerNorm(4)).double().eval()
    with t.no_grad():
        return encoder(x, src_key_padding_mask=padding)


def ctc(t, log_probs, targets, input_lengths, target_lengths, **options):
    log_probs = log_probs.log_softmax(-1)
    return t.nn.functional.ctc_loss(log_probs, targets, input_lengths, target_lengths, **options)


# name -> (function of the library and the tensors, arrays)
CASES = {
    "normalize": (lambda t, x: t.nn.functional.normalize(x), [normal(3, 4)]),
    "normalize by the sum": (
        lambda t, x: t.nn.functional.normalize(x, p=1.0, dim=0),
        [normal(3, 4)],
    ),
    "pairwise_distance": (
        lambda t, x, y: t.nn.functional.pairwise_distance(x, y, p=3.0),
        [normal(2, 3, 4), normal(3, 4)],
    ),
    "cosine_similarity that broadcasts": (
        lambda t, x, y: t.nn.functional.cosine_similarity(x, y, dim=-1),
        [normal(2, 1, 4), normal(3, 4)],
    ),
    "pdist": (lambda t, x: t.nn.functional.pdist(x), [normal(5, 3)]),
    "one_hot": (lambda t, x: t.nn.functional.one_hot(x), [integers(4, 2, 3)]),
    "one_hot of more classes": (
        lambda t, x: t.nn.functional.one_hot(x, 7),
        [integers(4, 2, 3)],
    ),
    "gumbel_softmax": (lambda t, x: t.nn.functional.gumbel_softmax(x, 0.5), [normal(5, 4)]),
    "hard gumbel_softmax": (
        lambda t, x: t.nn.functional.gumbel_softmax(x, hard=True),
        [normal(5, 4)],
    ),
    "softmax in another dtype": (
        lambda t, x: t.nn.functional.softmax(x.float(), 0, dtype=t.float64),
        [normal(5, 4)],
    ),
    "relu_": (lambda t, x: t.nn.functional.relu_(x * 1), [normal(3, 4)]),
    "leaky_relu_": (lambda t, x: t.nn.functional.leaky_relu_(x * 1, 0.3), [normal(3, 4)]),
    "nll_loss with weights": (
        lambda t, x, y, w: t.nn.functional.nll_loss(x, y, w),
        [normal(9, 4), integers(4, 9), fixed(uniform(4))],
    ),
    "cross_entropy with weights": (
        lambda t, x, y, w: t.nn.functional.cross_entropy(
            x, y, w, label_smoothing=0.2, ignore_index=2
        ),
        [normal(9, 4, 3), integers(4, 9, 3), fixed(uniform(4))],
    ),
    "cross_entropy of probabilities with weights": (
        lambda t, x, y, w: t.nn.functional.cross_entropy(x, y, w, label_smoothing=0.1),
        [normal(5, 4), uniform(5, 4), fixed(uniform(4))],
    ),
    "cross_entropy where everything is ignored": (
        lambda t, x, y: t.nn.functional.cross_entropy(x, y, ignore_index=1),
        [normal(2, 4), np.array([1, 1])],
    ),
    "binary_cross_entropy with weights": (
        lambda t, x, y, w: t.nn.functional.binary_cross_entropy(x, y, w, reduction="none"),
        [uniform(3, 4), uniform(4, 3).T, fixed(uniform(4))],
    ),
    "binary_cross_entropy_with_logits with weights": (
        lambda t, x, y, w, p: t.nn.functional.binary_cross_entropy_with_logits(
            x, y, w, pos_weight=p
        ),
        [normal(3, 4), uniform(4, 3).T, fixed(uniform(4)), fixed(uniform(1, 4)[0] * 3)],
    ),
    "mse_loss with weights": (
        lambda t, x, y, w: t.nn.functional.mse_loss(x, y, weight=w),
        [normal(3, 4), normal(4, 3).T, fixed(uniform(3, 4))],
    ),
    "huber_loss with weights": (
        lambda t, x, y, w: t.nn.functional.huber_loss(x, y, weight=w),
        [normal(3, 4), normal(4, 3).T, fixed(uniform(3, 4))],
    ),
    "multi_margin_loss with weights": (
        lambda t, x, y, w: t.nn.functional.multi_margin_loss(x, y, p=2, weight=w),
        [normal(5, 4), integers(4, 5), fixed(uniform(4))],
    ),
    "hinge_embedding_loss": (
        lambda t, x, y: t.nn.functional.hinge_embedding_loss(x, y, reduction="none"),
        [normal(3, 4), signs(4, 3).T],
    ),
    "legacy reduction": (
        lambda t, x, y: t.nn.functional.mse_loss(x, y, size_average=False),
        [normal(3, 4), normal(4, 3).T],
    ),
    "interpolate nearest-exact": (
        lambda t, x: t.nn.functional.interpolate(x, scale_factor=1.7, mode="nearest-exact"),
        [normal(2, 3, 5)],
    ),
    "interpolate to smaller": (
        lambda t, x: t.nn.functional.interpolate(x, size=(3, 2), mode="bilinear"),
        [normal(2, 3, 5, 6)],
    ),
    "interpolate in three dimensions": (
        lambda t, x: t.nn.functional.interpolate(x, scale_factor=2, mode="trilinear"),
        [normal(1, 2, 2, 3, 2)],
    ),
    "interpolate bicubic": (
        lambda t, x: t.nn.functional.interpolate(x, size=(7, 4), mode="bicubic"),
        [normal(2, 3, 5, 6)],
    ),
    "interpolate bicubic with corners": (
        lambda t, x: t.nn.functional.interpolate(
            x, size=(7, 4), mode="bicubic", align_corners=True
        ),
        [normal(2, 3, 5, 6)],
    ),
    "interpolate area": (
        lambda t, x: t.nn.functional.interpolate(x, size=(2, 3), mode="area"),
        [normal(2, 3, 5, 6)],
    ),
    "interpolate with antialiasing": (
        lambda t, x: t.nn.functional.interpolate(x, size=(3, 4), mode="bilinear", antialias=True),
        [normal(2, 3, 7, 9)],
    ),
    "interpolate bicubic with antialiasing": (
        lambda t, x: t.nn.functional.interpolate(x, size=(3, 12), mode="bicubic", antialias=True),
        [normal(2, 3, 7, 9)],
    ),
    "interpolate recomputing the scale": (
        lambda t, x: t.nn.functional.interpolate(
            x, scale_factor=1.7, mode="linear", recompute_scale_factor=True
        ),
        [normal(2, 3, 5)],
    ),
    "affine_grid": (
        lambda t, x: t.nn.functional.affine_grid(x, (2, 1, 3, 4), align_corners=False),
        [THETA],
    ),
    "affine_grid with corners": (
        lambda t, x: t.nn.functional.affine_grid(x, (2, 1, 3, 4), align_corners=True),
        [THETA],
    ),
    "affine_grid in three dimensions": (
        lambda t, x: t.nn.functional.affine_grid(x, (2, 1, 2, 3, 4), align_corners=False),
        [normal(2, 3, 4)],
    ),
    "local_response_norm": (
        lambda t, x: t.nn.functional.local_response_norm(x, 3, 0.1, 0.5, 2.0),
        [normal(2, 5, 3, 2, 2)],
    ),
    "sdpa": (attention, [normal(2, 2, 4, 3), normal(2, 2, 5, 3), normal(2, 2, 5, 6)]),
    "sdpa with numbers as a mask": (
        attention,
        [normal(2, 2, 4, 3), normal(2, 2, 5, 3), normal(2, 2, 5, 6), CAUSAL],
    ),
    "sdpa with a boolean mask": (
        attention,
        [normal(2, 1, 1, 3), normal(2, 2, 5, 3), normal(2, 2, 5, 6), ~BLOCKED[:, None, None]],
    ),
    "sdpa where a row is hidden": (
        attention,
        [normal(2, 3), normal(2, 3), normal(2, 3), np.array([[True, False], [False, False]])],
    ),
    "causal sdpa": (
        lambda t, q, k, v: attention(t, q, k, v, is_causal=True, scale=0.3),
        [normal(2, 4, 3), normal(2, 5, 3), normal(2, 5, 3)],
    ),
    "grouped sdpa": (
        lambda t, q, k, v: attention(t, q, k, v, enable_gqa=True),
        [normal(2, 4, 4, 3), normal(2, 2, 5, 3), normal(2, 2, 5, 3)],
    ),
    "attention with a mask": (
        lambda t, q, k: heads(t, q, k, attn_mask=np.asarray(CAUSAL)),
        [normal(4, 2, 4), normal(5, 2, 4)],
    ),
    "attention with padding": (
        lambda t, q, k: heads(t, q, k, key_padding_mask=BLOCKED),
        [normal(4, 2, 4), normal(5, 2, 4)],
    ),
    "attention with both": (
        lambda t, q, k: heads(t, q, k, key_padding_mask=BLOCKED, attn_mask=np.isinf(CAUSAL)),
        [normal(4, 2, 4), normal(5, 2, 4)],
    ),
    "encoder without its padding": (
        padded_encoder,
        [normal(2, 5, 4), np.array([[False] * 3 + [True] * 2, [False] * 5])],
    ),
    "encoder with padding in front": (
        padded_encoder,
        [normal(2, 5, 4), np.array([[True] * 2 + [False] * 3, [False] * 5])],
    ),
    "packed LSTM": (
        lambda t, x: packed(t, "LSTM", x, [4, 3, 1], num_layers=2, bidirectional=True),
        [normal(4, 3, 3)],
    ),
    "packed LSTM, unsorted, with dropout": (
        lambda t, x: packed(
            t, "LSTM", x, t.tensor([2, 4, 3]), False, num_layers=2, dropout=0.4, proj_size=2
        ),
        [normal(4, 3, 3)],
    ),
    "packed GRU": (
        lambda t, x: packed(t, "GRU", x, [4, 4, 1], bidirectional=True),
        [normal(4, 3, 3)],
    ),
    "packed RNN": (
        lambda t, x: packed(t, "RNN", x, [3, 2, 2], bias=False),
        [normal(4, 3, 3)],
    ),
    "pad_sequence": (
        lambda t, x, y: t.nn.utils.rnn.pad_sequence([x, y], True, -2.0, "left"),
        [normal(3, 2), normal(5, 2)],
    ),
    "pack_sequence and back": (
        lambda t, x, y: t.nn.utils.rnn.unpack_sequence(
            t.nn.utils.rnn.pack_sequence([x, y], enforce_sorted=False)
        ),
        [normal(3, 2), normal(5, 2)],
    ),
    "ctc_loss": (
        lambda t, x, y: ctc(t, x, y, [6, 5], [3, 2]),
        [normal(6, 2, 4), np.array([[1, 2, 2], [3, 1, 0]])],
    ),
    "ctc_loss of targets in one vector": (
        lambda t, x, y: ctc(t, x, y, t.tensor([6, 5]), t.tensor([3, 1]), reduction="none"),
        [normal(6, 2, 4), np.array([0, 2, 2, 1])[[1, 2, 3, 1]]],
    ),
    "ctc_loss of an empty target": (
        lambda t, x, y: ctc(t, x, y, [6, 5], [0, 2], blank=3, reduction="sum"),
        [normal(6, 2, 4), np.array([[1, 2], [2, 1]])],
    ),
    "impossible ctc_loss": (
        lambda t, x, y: ctc(t, x, y, [2], [3], reduction="none", zero_infinity=True),
        [normal(6, 1, 4), np.array([[1, 2, 2]])],
    ),
    "unbatched ctc_loss": (
        lambda t, x, y: ctc(t, x, y, (6,), (2,)),
        [normal(6, 4), np.array([1, 2])],
    ),
    "max_unpool2d": (
        lambda t, x: t.nn.functional.max_unpool2d(
            *t.nn.functional.max_pool2d(x, 2, return_indices=True), 2, output_size=(2, 3, 5, 6)
        ),
        [normal(2, 3, 5, 6)],
    ),
    "embedding with a maximal norm": (
        lambda t, i, w: t.nn.functional.embedding(i, w.detach().clone(), max_norm=1.0),
        [integers(5, 2, 3), normal(5, 4)],
    ),
    "bilinear": (
        lambda t, x, y, w, b: t.nn.functional.bilinear(x, y, w, b),
        [normal(2, 3, 4), normal(2, 3, 5), normal(2, 4, 5), normal(2)],
    ),
    "triplet_margin_loss": (
        lambda t, a, p, n: t.nn.functional.triplet_margin_loss(a, p, n, reduction="none"),
        [normal(5, 3), normal(3, 5).T, normal(1, 5, 3)[0]],
    ),
}


for mode in ("bilinear", "nearest", "bicubic"):
    for padding in ("zeros", "border", "reflection"):
        for corners in (False, True):
            CASES[f"grid_sample {mode} {padding} {corners}"] = (
                lambda t, x, g, m=mode, p=padding, c=corners: t.nn.functional.grid_sample(
                    x, g, m, p, c
                ),
                [normal(2, 3, 4, 5), GRID],
            )
CASES["grid_sample in three dimensions"] = (
    lambda t, x, g: t.nn.functional.grid_sample(x, g, align_corners=False),
    [normal(2, 2, 3, 4, 3), GRID_3D],
)


def run(library, function, arrays):
    """Outputs and the gradients of the inputs."""
    tensors = library.tensors(arrays)
    library.torch.manual_seed(2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        outputs = outputs_of(function(library.torch, *tensors))
    weights = np.random.default_rng(1)
    total = None
    for output in outputs:
        if output.requires_grad:
            part = (output * library.tensor(weights.normal(size=tuple(output.shape)))).sum()
            total = part if total is None else total + part
    if total is not None:
        total.backward()
    gradients = [None if x.grad is None else x.grad.numpy() for x in tensors]
    return [output.detach().numpy() for output in outputs], gradients


@pytest.mark.parametrize("name", CASES)
def test_same_outputs_and_gradients(name):
    function, arrays = CASES[name]
    outputs, gradients = run(Library(numbatorch), function, arrays)
    expected_outputs, expected_gradients = run(Library(torch), function, arrays)
    assert_same_values(outputs, expected_outputs, "output")
    for ours, theirs in zip(gradients, expected_gradients):
        assert (ours is None) == (theirs is None)
        if ours is not None:
            assert_same_values([ours], [theirs], "gradient")


@pytest.mark.parametrize(
    "call",
    [
        lambda t, F: F.multilabel_soft_margin_loss(t.arange(5.0), t.ones(1, 5)),
        lambda t, F: F.multilabel_soft_margin_loss(t.ones(3, 5), t.ones(5)),
        lambda t, F: F.hinge_embedding_loss(
            t.tensor([1, -3]), t.tensor([1, -1]), margin=2.5, reduction="none"
        ),
        lambda t, F: F.bilinear(
            *[t.ones(*shape, dtype=t.int16) for shape in ((3,), (4,), (5, 3, 4), (5,))]
        ),
        lambda t, F: F.binary_cross_entropy_with_logits(t.ones(2), t.ones(2).half()),
        lambda t, F: F.binary_cross_entropy_with_logits(
            t.ones(2), t.ones(2).half(), t.ones(2), pos_weight=t.ones(2) * 2, reduction="none"
        ),
        lambda t, F: F.binary_cross_entropy_with_logits(t.ones(2), t.ones(2).double()),
    ],
)
def test_odd_dtypes_and_shapes(call):
    expected, found = (call(t, t.nn.functional) for t in (torch, numbatorch))
    assert str(found.dtype) == str(expected.dtype)
    assert found.tolist() == pytest.approx(expected.tolist(), rel=2e-3)


def test_whole_targets_of_logits():
    for t in (torch, numbatorch):
        with pytest.raises(RuntimeError):
            t.nn.functional.binary_cross_entropy_with_logits(t.ones(2), t.ones(2).long())
