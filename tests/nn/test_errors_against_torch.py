"""Bad input raises what PyTorch raises: the type always, the message where it is listed."""

import numpy as np
import pytest

import numbatorch

torch = pytest.importorskip("torch")


def failure(action, library):
    with pytest.raises(Exception) as caught:
        action(library)
    return caught.value


SAME_MESSAGE = [
    lambda t: t.nn.Module(3),
    lambda t: t.nn.Module(x=3),
    lambda t: t.nn.Module().missing,
    lambda t: t.nn.Module()(3),
    lambda t: t.nn.Linear(2, 2).register_parameter("weight.x", None),
    lambda t: t.nn.Linear(2, 2).register_parameter("", None),
    lambda t: t.nn.Linear(2, 2).register_parameter("forward", None),
    lambda t: t.nn.Linear(2, 2).register_parameter(3, None),
    lambda t: t.nn.Linear(2, 2).register_parameter("x", 3),
    lambda t: t.nn.Linear(2, 2).register_parameter("x", t.nn.Parameter(t.ones(1)) * 2),
    lambda t: t.nn.Linear(2, 2).register_buffer("weight", None),
    lambda t: t.nn.Linear(2, 2).register_buffer("x.y", None),
    lambda t: t.nn.Linear(2, 2).register_buffer("x", 3),
    lambda t: t.nn.Linear(2, 2).add_module("weight", None),
    lambda t: t.nn.Linear(2, 2).add_module("x", 3),
    lambda t: t.nn.Linear(2, 2).add_module("a.b", None),
    lambda t: t.nn.Linear(2, 2).add_module(3, t.nn.ReLU()),
    lambda t: setattr(t.nn.Linear(2, 2), "weight", 3),
    lambda t: setattr(t.nn.Linear(2, 2), "weight", t.ones(2)),
    lambda t: setattr(t.nn.Sequential(t.nn.ReLU()), "0", 3),
    lambda t: setattr(t.nn.BatchNorm1d(2), "running_mean", 3),
    lambda t: t.nn.Linear(2, 2).load_state_dict({}),
    lambda t: t.nn.Linear(2, 2).load_state_dict({"weight": 3, "bias": t.ones(2)}),
    lambda t: t.nn.Sequential(t.nn.Linear(2, 2)).load_state_dict(
        {"0.weight": t.ones(3, 2), "0.bias": t.ones(2), "x": t.ones(1), "0.y": t.ones(1)}
    ),
    lambda t: t.nn.Linear(2, 2).load_state_dict([]),
    lambda t: t.nn.Linear(2, 2).to(t.int32),
    lambda t: t.nn.Linear(2, 2).train(3),
    lambda t: t.nn.Linear(2, 2).get_submodule("a.b"),
    lambda t: t.nn.Linear(2, 2).get_submodule("in_features"),
    lambda t: t.nn.Linear(2, 2).get_parameter("in_features"),
    lambda t: t.nn.Linear(2, 2).get_buffer("weight"),
    lambda t: t.nn.Sequential(3),
    lambda t: t.nn.Sequential(t.nn.ReLU())[3],
    lambda t: t.nn.ModuleList([3]),
    lambda t: t.nn.ModuleList([t.nn.ReLU()])[-2],
    lambda t: t.nn.ModuleList().extend(3),
    lambda t: t.nn.ModuleList()(3),
    lambda t: t.nn.ModuleDict({"a": 3}),
    lambda t: t.nn.ModuleDict([(1, 2, 3)]),
    lambda t: t.nn.ModuleDict(3),
    lambda t: t.nn.ParameterList()(),
    lambda t: t.nn.ParameterDict({3: t.ones(1)}),
    lambda t: t.nn.Dropout(1.5),
    lambda t: t.nn.functional.dropout(t.ones(1), -0.1),
    lambda t: t.nn.functional.dropout1d(t.ones(1), 0.1),
    lambda t: t.nn.Conv2d(3, 4, 3, groups=2),
    lambda t: t.nn.Conv2d(4, 3, 3, groups=2),
    lambda t: t.nn.Conv2d(4, 3, 3, groups=0),
    lambda t: t.nn.Conv2d(4, 3, 3, padding="same", stride=2),
    lambda t: t.nn.ConvTranspose2d(4, 3, 3, padding_mode="reflect"),
    lambda t: t.nn.ConvTranspose2d(1, 1, 3, 2)(t.ones(1, 1, 2, 2), output_size=(9, 9)),
    lambda t: t.nn.ConvTranspose2d(1, 1, 3, 2)(t.ones(1, 1, 2, 2), output_size=(9,)),
    lambda t: t.nn.BatchNorm1d(2)(t.ones(2, 2, 2, 2)),
    lambda t: t.nn.BatchNorm2d(2)(t.ones(2, 2)),
    lambda t: t.nn.BatchNorm1d(2)(t.ones(1, 2)),
    lambda t: t.nn.InstanceNorm1d(2)(t.ones(1, 2, 1)),
    lambda t: t.nn.InstanceNorm1d(2, affine=True)(t.ones(1, 3, 2)),
    lambda t: t.nn.InstanceNorm2d(2)(t.ones(2, 2)),
    lambda t: t.nn.GroupNorm(2, 3),
    lambda t: t.nn.functional.local_response_norm(t.ones(2, 2), 2),
    lambda t: t.nn.Embedding(3, 2, padding_idx=3),
    lambda t: t.nn.Embedding(3, 2, _weight=t.ones(2, 2)),
    lambda t: t.nn.Embedding.from_pretrained(t.ones(2)),
    lambda t: t.nn.EmbeddingBag(3, 2)(t.tensor([1, 2])),
    lambda t: t.nn.EmbeddingBag(3, 2, mode="x")(t.tensor([[1, 2]])),
    lambda t: t.nn.RNN(2, 3, nonlinearity="x"),
    lambda t: t.nn.RNN(2, 3, proj_size=2),
    lambda t: t.nn.LSTM(2, 3, proj_size=3),
    lambda t: t.nn.LSTM(2, 0),
    lambda t: t.nn.LSTM(2, 3.0),
    lambda t: t.nn.LSTM(2, 3, bias=1),
    lambda t: t.nn.LSTM(2, 3, dropout=2),
    lambda t: t.nn.LSTM(2, 3)(t.ones(4, 1, 3)),
    lambda t: t.nn.LSTM(2, 3)(t.ones(2)),
    lambda t: t.nn.LSTM(2, 3)(t.ones(4, 1, 2).double()),
    lambda t: t.nn.GRU(2, 3)(t.ones(4, 1, 2), t.ones(1, 3)),
    lambda t: t.nn.GRU(2, 3)(t.ones(4, 1, 2), t.ones(1, 2, 3)),
    lambda t: t.nn.GRU(2, 3)(t.ones(4, 2), t.ones(1, 2, 3)),
    lambda t: t.nn.LSTM(2, 3)(t.ones(4, 1, 2), (t.ones(1, 3), t.ones(1, 3))),
    lambda t: t.nn.LSTM(2, 3)(t.ones(4, 1, 2), (t.ones(1, 2, 3), t.ones(1, 2, 3))),
    lambda t: t.nn.RNNCell(2, 3)(t.ones(1, 1, 2)),
    lambda t: t.nn.MultiheadAttention(5, 2),
    lambda t: t.nn.MultiheadAttention(0, 2),
    lambda t: t.nn.MultiheadAttention(4, 2)(t.ones(4), t.ones(4), t.ones(4)),
    lambda t: t.nn.TransformerEncoderLayer(4, 2, activation="x"),
    lambda t: t.nn.Transformer(4, 2, 1, 1, 4, batch_first=True)(t.ones(2, 3, 4), t.ones(3, 2, 4)),
    lambda t: t.nn.Transformer(4, 2, 1, 1, 4, batch_first=True)(t.ones(2, 3, 4), t.ones(2, 3, 5)),
    lambda t: t.nn.functional.binary_cross_entropy(t.ones(2), t.ones(3)),
    lambda t: t.nn.functional.binary_cross_entropy(t.tensor([1.5]), t.ones(1)),
    lambda t: t.nn.functional.binary_cross_entropy(t.tensor([np.nan]), t.ones(1)),
    lambda t: t.nn.functional.binary_cross_entropy_with_logits(t.ones(2), t.ones(3)),
    lambda t: t.nn.functional.mse_loss(t.ones(2), t.ones(2), reduction="x"),
    lambda t: t.nn.functional.l1_loss(t.ones(2), t.ones(2), weight=t.ones(3)),
    lambda t: t.nn.functional.smooth_l1_loss(t.ones(2), t.ones(2), beta=-1.0),
    lambda t: t.nn.functional.huber_loss(t.ones(2), t.ones(2), delta=-1.0),
    lambda t: t.nn.functional.gaussian_nll_loss(t.ones(2), t.ones(2), -1.0),
    lambda t: t.nn.functional.gaussian_nll_loss(t.ones(2), t.ones(2), t.ones(3)),
    lambda t: t.nn.functional.multi_margin_loss(t.ones(1, 2), t.tensor([0]), p=3),
    lambda t: t.nn.functional.triplet_margin_loss(*[t.ones(1, 2)] * 3, margin=-1),
    lambda t: t.nn.functional.cosine_embedding_loss(*[t.ones(2, 2)] * 3),
    lambda t: t.nn.functional.margin_ranking_loss(t.ones(2), t.ones(2), t.ones(2, 2)),
    lambda t: t.nn.functional.one_hot(t.tensor([-1])),
    lambda t: t.nn.functional.one_hot(t.tensor([3]), 3),
    lambda t: t.nn.functional.glu(t.ones(3)),
    lambda t: t.nn.functional.pixel_shuffle(t.ones(3, 2, 2), 2),
    lambda t: t.nn.functional.pixel_unshuffle(t.ones(3, 3, 2), 2),
    lambda t: t.nn.init.calculate_gain("x"),
    lambda t: t.nn.init.xavier_uniform_(t.ones(3)),
    lambda t: t.nn.init.kaiming_uniform_(t.ones(3, 3), mode="x"),
    lambda t: t.nn.init.dirac_(t.ones(3)),
    lambda t: t.nn.init.dirac_(t.ones(3, 3, 3), groups=2),
    lambda t: t.nn.init.eye_(t.ones(3)),
    lambda t: t.nn.init.orthogonal_(t.ones(3)),
    lambda t: t.nn.utils.rnn.pad_sequence([t.ones(1)], padding_side="x"),
    lambda t: t.nn.utils.rnn.pack_padded_sequence(t.ones(3, 2), t.tensor([2, 3])),
]

SAME_TYPE = [
    lambda t: t.nn.Linear(2, 3)(t.ones(2, 3)),
    lambda t: t.nn.Bilinear(2, 3, 1)(t.ones(1, 2), t.ones(1, 2)),
    lambda t: t.nn.Conv2d(2, 3, 3)(t.ones(1, 3, 4, 4)),
    lambda t: t.nn.Conv2d(2, 3, 3)(t.ones(4, 4)),
    lambda t: t.nn.Conv2d(2, 3, 3)(t.ones(1, 2, 2, 2)),
    lambda t: t.nn.MaxPool2d(2)(t.ones(4, 4)),
    lambda t: t.nn.MaxPool2d(3)(t.ones(1, 2, 2)),
    lambda t: t.nn.LayerNorm(3)(t.ones(2, 4)),
    lambda t: t.nn.BatchNorm1d(3)(t.ones(2, 4)),
    lambda t: t.nn.GroupNorm(2, 4)(t.ones(2, 3)),
    lambda t: t.nn.Embedding(3, 2)(t.tensor([3])),
    lambda t: t.nn.Embedding(3, 2)(t.tensor([-1])),
    lambda t: t.nn.Embedding(3, 2)(t.tensor([1.0])),
    lambda t: t.nn.CrossEntropyLoss()(t.ones(2, 3), t.tensor([0, 3])),
    lambda t: t.nn.CrossEntropyLoss()(t.ones(2, 3), t.tensor([0, -1])),
    lambda t: t.nn.CrossEntropyLoss()(t.ones(2, 3), t.tensor([0])),
    lambda t: t.nn.CrossEntropyLoss()(t.ones(2, 3), t.tensor([0.0, 1.0])),
    lambda t: t.nn.CrossEntropyLoss(weight=t.ones(2))(t.ones(2, 3), t.tensor([0, 1])),
    lambda t: t.nn.CrossEntropyLoss(ignore_index=1)(t.ones(2, 3), t.ones(2, 3)),
    lambda t: t.nn.CrossEntropyLoss(label_smoothing=1.5)(t.ones(2, 3), t.tensor([0, 1])),
    lambda t: t.nn.NLLLoss()(t.ones(2, 3), t.tensor([[0], [1]])),
    lambda t: t.nn.BCELoss()(t.ones(2), t.tensor([0.0, 1.5])),
    lambda t: t.nn.functional.one_hot(t.tensor([1.0])),
    lambda t: t.nn.MaxUnpool1d(2)(t.ones(1, 1, 1), t.tensor([[[7]]])),
    lambda t: t.nn.functional.multi_margin_loss(t.ones(1, 2), t.tensor([2])),
    lambda t: t.nn.functional.multilabel_margin_loss(t.ones(1, 2), t.tensor([[2, -1]])),
    lambda t: t.nn.functional.pad(t.ones(2, 2), (1, 1, 1, 1), mode="reflect"),
    lambda t: t.nn.functional.interpolate(t.ones(2, 2)),
    lambda t: t.nn.functional.scaled_dot_product_attention(t.ones(2), t.ones(2), t.ones(2)),
    lambda t: t.nn.functional.fold(t.ones(4, 3), 3, 2),
    lambda t: t.nn.functional.unfold(t.ones(1, 1, 3, 3), 4),
    lambda t: t.nn.Conv2d(1, 1, 3, padding="x"),
    lambda t: t.nn.Conv2d(1, 1, 3, padding_mode="x"),
    lambda t: t.nn.utils.rnn.pack_padded_sequence(t.ones(3, 2), t.tensor([2, 0])),
    lambda t: t.nn.utils.rnn.pack_padded_sequence(t.ones(3, 2), t.tensor([2])),
    lambda t: t.nn.MultiheadAttention(4, 2)(*[t.ones(3, 2, 4)] * 3, attn_mask=t.ones(2, 2)),
    lambda t: t.nn.MultiheadAttention(4, 2)(*[t.ones(3, 2, 4)] * 3, key_padding_mask=t.ones(2, 2)),
]


@pytest.mark.parametrize("place", range(len(SAME_MESSAGE)))
def test_same_exception_and_message(place):
    ours = failure(SAME_MESSAGE[place], numbatorch)
    theirs = failure(SAME_MESSAGE[place], torch)
    assert (type(ours), str(ours)) == (type(theirs), str(theirs))


@pytest.mark.parametrize("place", range(len(SAME_TYPE)))
def test_same_exception(place):
    ours = failure(SAME_TYPE[place], numbatorch)
    theirs = failure(SAME_TYPE[place], torch)
    assert type(ours) is type(theirs), f"{ours!r} instead of {theirs!r}"
