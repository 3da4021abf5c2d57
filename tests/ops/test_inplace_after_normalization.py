"""Overwriting the output of a normalization is allowed: its gradient needs the statistics only."""

import numpy as np
import pytest

import numbatorch as nt
from numbatorch import nn


@pytest.mark.parametrize("norm", [nn.BatchNorm2d(3), nn.GroupNorm(1, 3), nn.LayerNorm([4, 5])])
def test_relu_in_place(norm):
    x = nt.randn(2, 3, 4, 5)
    gradients = []
    for inplace in (False, True):
        leaf = x.clone().requires_grad_()
        nn.functional.relu(norm(leaf), inplace=inplace).square().sum().backward()
        gradients.append(leaf.grad.numpy())
    np.testing.assert_array_equal(*gradients)


def test_an_output_that_is_looked_at_must_not_be_written_to():
    values, indices = nt.randn(3, 4, requires_grad=True).max(dim=1)
    indices.zero_()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        values.sum().backward()
