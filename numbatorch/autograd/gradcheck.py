"""Numerical checks of gradients: central differences against the backward walk, in float64."""

import numpy as np

from .. import creation, devices, graph
from ..ops.casting import to_device
from .engine import grad
from .modes import enable_grad, no_grad


class GradcheckError(RuntimeError):
    """A gradient that differs from the numerical one."""


def gradcheck(
    func, inputs, *, eps=1e-6, atol=1e-5, rtol=1e-3, raise_exception=True, nondet_tol=0.0,
    check_undefined_grad=True, check_grad_dtypes=False, check_batched_grad=False,
    check_batched_forward_grad=False, check_forward_ad=False, check_backward_ad=True,
    fast_mode=False, masked=None,
):  # fmt: skip
    """Compare the gradients of `func` at `inputs` with central differences (`torch.autograd.gradcheck`).

    `fast_mode` compares one random projection u' J v instead of the whole Jacobian. Returns True,
    or raises GradcheckError (returns False without `raise_exception`).
    """
    inputs = (inputs,) if isinstance(inputs, graph.Value) else tuple(inputs)
    try:
        _check_inputs(inputs)
        check = _Check(func, inputs, eps, atol, rtol)
        check.check_repeatable(nondet_tol)
        (check.by_projection if fast_mode else check.by_jacobian)()
        if check_undefined_grad:
            check.check_partial_gradients()
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def gradgradcheck(
    func, inputs, grad_outputs=None, *, eps=1e-6, atol=1e-5, rtol=1e-3,
    gen_non_contig_grad_outputs=False, raise_exception=True, nondet_tol=0.0,
    check_undefined_grad=True, check_grad_dtypes=False, check_batched_grad=False,
    check_fwd_over_rev=False, check_rev_over_rev=True, fast_mode=False, masked=False,
):  # fmt: skip
    """`gradcheck` of the gradient of `func`: second order (`torch.autograd.gradgradcheck`)."""
    inputs = (inputs,) if isinstance(inputs, graph.Value) else tuple(inputs)
    if grad_outputs is None:
        outputs = [y for y in _as_tuple(func(*inputs)) if _is_differentiable(y)]
        generator = np.random.default_rng(0)
        weights = tuple(_random_like(y, generator, requires_grad=True) for y in outputs)
    else:
        weights = _as_tuple(grad_outputs)

    wants = [_wants_gradient(x) for x in inputs]

    @enable_grad()
    def first_gradient(*arguments):
        values, weights_here = arguments[: len(inputs)], arguments[len(inputs) :]
        values = [
            x.detach().requires_grad_() if wanted and not x.requires_grad else x
            for x, wanted in zip(values, wants)
        ]
        outputs = [y for y in _as_tuple(func(*values)) if _is_differentiable(y)]
        wanted = [x for x in values if _wants_gradient(x)]
        found = grad(outputs, wanted, weights_here, create_graph=True, allow_unused=True)
        return tuple(g for g in found if g is not None)

    return gradcheck(
        first_gradient, inputs + weights, eps=eps, atol=atol, rtol=rtol,
        raise_exception=raise_exception, nondet_tol=nondet_tol, fast_mode=fast_mode,
        check_undefined_grad=False,
    )  # fmt: skip


def _as_tuple(x):
    return tuple(x) if isinstance(x, tuple | list) else (x,)


def _wants_gradient(x):
    return isinstance(x, graph.Value) and x.requires_grad


def _is_differentiable(y):
    return isinstance(y, graph.Value) and y.requires_grad


def _check_inputs(inputs):
    if not any(_wants_gradient(x) for x in inputs):
        raise ValueError(
            "gradcheck expects at least one input tensor to require gradient, but none of the them "
            "have requires_grad=True."
        )


def _host(x):
    """The values of a tensor as a NumPy array of its own."""
    return np.array(to_device(x.detach(), devices.CPU).as_numpy())


def _random_like(y, generator, requires_grad=False):
    values = generator.uniform(-1, 1, y.shape)
    if y.dtype.is_complex:
        values = values + 1j * generator.uniform(-1, 1, y.shape)
    result = creation.from_array(values, y.dtype, devices.of(y))
    return result.requires_grad_() if requires_grad else result


class _Check:
    """One comparison of analytical and numerical gradients."""

    def __init__(self, func, inputs, eps, atol, rtol):
        self.func, self.inputs = func, inputs
        self.eps, self.atol, self.rtol = eps, atol, rtol
        outputs = _as_tuple(func(*inputs))
        self.places = [i for i, y in enumerate(outputs) if _is_differentiable(y)]
        self.outputs = [outputs[i] for i in self.places]
        self.wanted = [i for i, x in enumerate(inputs) if _wants_gradient(x)]

    def evaluate(self, index, values):
        """The outputs, as arrays, with the values of one input replaced."""
        arguments = list(self.inputs)
        old = self.inputs[index]
        arguments[index] = creation.from_array(values, old.dtype, devices.of(old))
        with no_grad():
            outputs = _as_tuple(self.func(*arguments))
        return [_host(outputs[i]) for i in self.places]

    def gradient(self, output, weight):
        """The gradients of <weight, output> with respect to the wanted inputs, as arrays."""
        wanted = [self.inputs[i] for i in self.wanted]
        found = grad(output, wanted, weight, retain_graph=True, allow_unused=True)
        return [np.zeros(x.shape) if g is None else _host(g) for g, x in zip(found, wanted)]

    def slope(self, index, direction):
        """The derivative of every output along `direction` in one input, by central difference."""
        values = _host(self.inputs[index])
        above = self.evaluate(index, values + self.eps * direction)
        below = self.evaluate(index, values - self.eps * direction)
        return [(a - b) / (2 * self.eps) for a, b in zip(above, below)]

    def directions(self, x):
        """Unit directions of an input: real ones, and imaginary ones where it is complex."""
        for position in np.ndindex(*x.shape):
            for unit in (1.0, 1j) if x.dtype.is_complex else (1.0,):
                direction = np.zeros(x.shape, x.dtype.numpy)
                direction[position] = unit
                yield position, unit, direction

    def by_jacobian(self):
        analytical = [self._analytical_jacobian(output) for output in self.outputs]
        for place, index in enumerate(self.wanted):
            for position, unit, direction in self.directions(self.inputs[index]):
                slopes = self.slope(index, direction)
                for number, (output, slope) in enumerate(zip(self.outputs, slopes)):
                    rows = analytical[number]
                    for target in np.ndindex(*output.shape):
                        for weight_unit in (1.0, 1j) if output.dtype.is_complex else (1.0,):
                            gradient = rows[target, weight_unit][place][position]
                            self._compare(
                                (np.conj(weight_unit) * slope[target]).real,
                                (np.conj(gradient) * unit).real,
                                f"output {number} at {target}, input {index} at {position}",
                            )

    def _analytical_jacobian(self, output):
        rows = {}
        for position, unit, direction in self.directions(output):
            weight = creation.from_array(direction, output.dtype, devices.of(output))
            rows[position, unit] = self.gradient(output, weight)
        return rows

    def by_projection(self):
        generator = np.random.default_rng(2)  # not the numbers that gradgradcheck weighs with
        for number, output in enumerate(self.outputs):
            weight = _random_like(output, generator)
            gradients = self.gradient(output, weight)
            for index, gradient in zip(self.wanted, gradients):
                direction = _host(_random_like(self.inputs[index], generator))
                slope = self.slope(index, direction)[number]
                self._compare(
                    np.sum(np.conj(_host(weight)) * slope).real,
                    np.sum(np.conj(gradient) * direction).real,
                    f"output {number}, input {index}, a random projection",
                )

    def _compare(self, numerical, analytical, where):
        if not np.isclose(analytical, numerical, rtol=self.rtol, atol=self.atol):
            raise GradcheckError(
                f"Jacobian mismatch for {where}: numerical {numerical}, analytical {analytical}"
            )

    def check_repeatable(self, tolerance):
        """The same weights must give the same gradients twice."""
        generator = np.random.default_rng(1)
        for output in self.outputs:
            weight = _random_like(output, generator)
            first, second = self.gradient(output, weight), self.gradient(output, weight)
            for a, b in zip(first, second):
                if not np.allclose(a, b, rtol=0, atol=tolerance, equal_nan=True):
                    raise GradcheckError("Backward is not reentrant: two runs gave two gradients")

    def check_partial_gradients(self):
        """The gradient of one of several outputs alone must not fail."""
        if len(self.outputs) > 1:
            for output in self.outputs:
                self.gradient(output, _random_like(output, np.random.default_rng(2)))
