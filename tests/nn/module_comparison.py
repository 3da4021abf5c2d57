"""Running the same module in PyTorch and in numbatorch."""

import numpy as np


class Fixed(np.ndarray):
    """An array of floats that needs no gradient."""


class Library:
    """PyTorch or numbatorch, with the few things that a comparison needs."""

    def __init__(self, library):
        self.torch = library

    def tensor(self, array, requires_grad=False):
        tensor = self.torch.tensor(array)
        return tensor.requires_grad_() if requires_grad else tensor

    def tensors(self, inputs):
        """Arrays as tensors; those of floats collect gradients, unless they are Fixed."""
        return [
            self.tensor(np.asarray(array), array.dtype.kind == "f" and type(array) is not Fixed)
            for array in inputs
        ]


def outputs_of(result):
    """The tensors in a module's result, in order."""
    if result is None:
        return []
    if isinstance(result, (tuple, list)):
        return [tensor for part in result for tensor in outputs_of(part)]
    return [result]


def run(library, module, inputs, seed=1):
    """Outputs, and the gradients of inputs and parameters, as NumPy arrays."""
    tensors = library.tensors(inputs)
    library.torch.manual_seed(seed)
    outputs = outputs_of(module(*tensors))
    weights = np.random.default_rng(seed)
    total = None
    for output in outputs:
        if output.requires_grad:
            weight = library.tensor(weights.normal(size=tuple(output.shape)))
            part = (output * weight).sum()
            total = part if total is None else total + part
    gradients = {}
    if total is not None:
        total.backward()
        for place, tensor in enumerate(tensors):
            if tensor.grad is not None:
                gradients[f"input {place}"] = tensor.grad.numpy()
        for name, parameter in module.named_parameters():
            if parameter.grad is not None:
                gradients[name] = parameter.grad.numpy()
    return [output.detach().numpy() for output in outputs], gradients


def assert_same_values(found, expected, what=""):
    assert len(found) == len(expected), what
    for ours, theirs in zip(found, expected):
        assert ours.shape == theirs.shape, what
        assert ours.dtype == theirs.dtype, what
        # PyTorch keeps some constants, such as hardsigmoid's 1/6, in float32
        np.testing.assert_allclose(ours, theirs, rtol=1e-7, atol=1e-8, err_msg=what)


def assert_same_state(ours, theirs):
    """The same keys in the same order, and bit for bit the same values."""
    mine, reference = ours.state_dict(), theirs.state_dict()
    assert list(mine) == list(reference)
    for key, expected in reference.items():
        assert tuple(mine[key].shape) == tuple(expected.shape), key
        np.testing.assert_array_equal(mine[key].numpy(), expected.numpy(), err_msg=key)
