"""What notebooks show beside the text: never an error, never much work, and the text as it was."""

import base64
import html
import re
import time
from io import BytesIO
from xml.etree import ElementTree

import numpy as np
import pytest

import numbatorch as torch
from numbatorch import nn
from numbatorch.display import pictures, tensors

DTYPES = [
    torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.complex64, torch.uint8,
    torch.int8, torch.int64, torch.bool,
]  # fmt: skip


def pixels_of(shown):
    """The pixels of the picture in some HTML."""
    image = pytest.importorskip("PIL.Image")
    data = re.search(r"base64,([^\"]+)\"", shown).group(1)
    return np.array(image.open(BytesIO(base64.b64decode(data))))


def well_formed(shown):
    return ElementTree.fromstring(shown.replace("<br>", "<br/>"))


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("shape", [(), (0,), (1,), (5,), (3, 4), (2, 3, 4), (0, 3), (2, 0, 3, 1)])
def test_every_form_of_tensor_is_shown(dtype, shape):
    x = torch.ones(shape, dtype=dtype)
    shown = x._repr_html_()
    well_formed(shown)
    assert html.escape(repr(x)) in shown
    assert dtype.name if hasattr(dtype, "name") else str(dtype) in shown


def test_text_stays_pytorchs():
    x = torch.arange(6.0).reshape(2, 3)
    x._repr_html_()
    assert repr(x) == "tensor([[0., 1., 2.],\n        [3., 4., 5.]])"


def test_facts_are_those_of_the_values():
    x = torch.tensor([[1.0, -2.0], [float("nan"), 4.0]], requires_grad=True)
    shown = x._repr_html_()
    assert "2 × 2 · float32 · cpu · requires grad · min -2 · mean 1 · max 4 · 1 not finite" in shown
    assert x.grad_fn is None and x._version == 0


def test_colours():
    found = pictures.heat([[0.0, 2.0, -2.0, float("inf")]])[0]
    assert found[0].tolist() == [247, 247, 247]
    assert found[1, 0] > found[1, 2]  # positive is red
    assert found[2, 2] > found[2, 0]  # negative is blue
    assert found[3].tolist() == [217, 70, 239]


def test_a_matrix_is_drawn_element_by_element():
    x = torch.tensor([[1.0, -1.0, 0.0], [0.0, 1.0, -1.0]])
    np.testing.assert_array_equal(pixels_of(x._repr_html_()), pictures.heat(x.numpy()))


def test_three_channels_between_0_and_1_are_an_image():
    x = torch.rand(3, 10, 12)
    expected = (x.numpy() * 255).round().astype(np.uint8).transpose(1, 2, 0)
    np.testing.assert_array_equal(pixels_of(x._repr_html_()), expected)


def test_large_tensors_are_sampled():
    x = torch.empty(1, dtype=torch.uint8).expand(1 << 15, 1 << 15)
    values, whole = tensors.sample(x)
    assert not whole and values.size <= tensors.MOST_ELEMENTS
    start = time.process_time()
    shown = x._repr_html_()
    assert time.process_time() - start < 2  # and not the seconds that a billion elements take
    assert "elements looked at" in shown
    assert max(pixels_of(shown).shape) <= tensors.MOST_PIXELS


def test_a_sample_holds_every_nth_element():
    x = torch.arange(3 * 70_000).reshape(3, 70_000)
    values, _ = tensors.sample(x)
    assert values.shape[0] == 3
    step = int(values[0, 1])
    np.testing.assert_array_equal(values, x.numpy()[:, ::step])


def test_views_are_read_through_their_strides():
    x = torch.arange(12.0).reshape(3, 4).t()[1:]
    np.testing.assert_array_equal(tensors.sample(x)[0], x.numpy())


@pytest.mark.filterwarnings("ignore:Lazy modules")
def test_what_cannot_be_shown_is_left_to_the_text():
    assert nn.LazyLinear(3).weight._repr_html_() is None


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 4, 3, bias=False), nn.ReLU())
        self.head = nn.Linear(4, 5)
        self.head.weight.requires_grad_(False)
        self.nothing = None
        self.register_module("absent", None)


def test_a_module_is_a_tree_with_counts():
    shown = Model()._repr_html_()
    well_formed(shown)
    text = re.sub(r"<[^>]+>", " ", shown)
    for part in ("Model", "133 parameters, 20 frozen", "108 parameters", "ReLU", "(absent): None"):
        assert part in text
    assert shown.count("<details") == 2
    assert shown.count("<details open") == 1


@pytest.mark.filterwarnings("ignore:Lazy modules")
def test_a_module_with_parameters_to_come():
    assert "parameters at the first call" in nn.LazyLinear(3)._repr_html_()
    both = nn.Sequential(nn.Linear(2, 2), nn.LazyLinear(3))
    assert "6 parameters and more at the first call" in both._repr_html_()


def test_a_module_that_fails_is_left_to_its_text():
    class Broken(nn.Module):
        def extra_repr(self):
            raise ValueError("no")

    assert Broken()._repr_html_() is None


def test_text_of_a_module_is_escaped():
    class Named(nn.Module):
        def extra_repr(self):
            return "<b>&"

    assert "&lt;b&gt;&amp;" in Named()._repr_html_()
