"""Modules and optimizers against PyTorch's databases of them, entry by entry.

    python tests/conformance_modules.py [--dtype float32] [--only modules|optimizers] [name ...]

For every module: outputs, gradients of inputs and parameters, in training and in evaluation, and the
exceptions of its error inputs. For every optimizer: five steps with every set of options. Prints
passed, failed or not built; the exit code is 1 where something fails that `conformance_known.txt`
does not list.
"""

import argparse
import sys
import warnings

import conformance
import numpy as np
import torch
from conformance import TOLERANCES, compare, known_failures, to_ours

import numbatorch


class NotBuilt(Exception):
    """numbatorch has no such class."""


def class_like(kind, package):
    """Our class of the same name."""
    found = getattr(package, kind.__name__, None)
    if found is None:
        raise NotBuilt(kind.__name__)
    return found


# Modules --------------------------------------------------------------------------------------------


def ours(value):
    """Arguments for our class: tensors, modules and functions in their numbatorch form."""
    if isinstance(value, torch.nn.Module):
        return copy_of_module(value)
    if callable(value) and getattr(value, "__module__", "").startswith("torch"):
        return getattr(numbatorch.nn.functional, value.__name__, None) or getattr(
            numbatorch, value.__name__
        )
    return to_ours(value, [])


def copy_of_module(module):
    """Our module of the same class with the same options, for parts such as encoder layers."""
    kind = class_like(type(module), numbatorch.nn)
    options = _options_of(module)
    made = kind(**options)
    load(made, module)
    return made


def _options_of(module):
    if isinstance(module, torch.nn.TransformerEncoderLayer | torch.nn.TransformerDecoderLayer):
        attention = module.self_attn
        return {
            "d_model": attention.embed_dim, "nhead": attention.num_heads,
            "dim_feedforward": module.linear1.out_features, "dropout": module.dropout.p,
            "batch_first": attention.batch_first, "norm_first": module.norm_first,
            "activation": ours(module.activation),
            "bias": module.linear1.bias is not None,
        }  # fmt: skip
    if isinstance(module, torch.nn.LayerNorm):
        return {"normalized_shape": module.normalized_shape, "eps": module.eps}
    raise NotBuilt(f"an argument of class {type(module).__name__}")


def load(module, source):
    """Copy all parameters and buffers."""
    dtype = next((p.dtype for p in source.parameters()), None)
    if dtype is not None:
        module.to(getattr(numbatorch, str(dtype).split(".")[-1]))
    state = {}
    for name, value in source.state_dict().items():
        state[name] = to_ours(value.detach(), []) if isinstance(value, torch.Tensor) else value
    module.load_state_dict(state)


def check_module(entry, dtype, training):
    """Compare all inputs of an entry; returns how many there were."""
    torch_dtype = getattr(torch, dtype)
    count = 0
    for sample in entry.module_inputs_func(
        entry, device="cpu", dtype=torch_dtype, requires_grad=True, training=training
    ):
        if sample.forward_input is None:
            continue
        given, call = sample.constructor_input, sample.forward_input
        kind = class_like(entry.module_cls, numbatorch.nn)
        torch.manual_seed(0)
        theirs = entry.module_cls(*given.args, **given.kwargs).to(torch_dtype).train(training)
        numbatorch.manual_seed(0)
        mine = kind(
            *[ours(x) for x in given.args], **{k: ours(v) for k, v in given.kwargs.items()}
        ).train(training)
        mine.to(getattr(numbatorch, dtype))
        if entry.is_lazy:
            continue
        load(mine, theirs)
        compare_calls(theirs, mine, call, TOLERANCES[dtype])
        count += 1
    return count


def compare_calls(theirs, mine, call, tolerance):
    torch.manual_seed(conformance.SEED)
    numbatorch.manual_seed(conformance.SEED)
    leaves, our_leaves = [], []
    conformance.to_leaves((call.args, call.kwargs), leaves)
    for leaf in leaves:  # samples share tensors
        leaf.grad = None
        leaf.retain_grad()
    if len({id(leaf) for leaf in leaves}) < len(leaves):
        leaves = []  # one tensor given twice is two of ours
    args = to_ours(tuple(call.args), our_leaves)
    kwargs = to_ours(call.kwargs, our_leaves)
    expected, found = theirs(*call.args, **call.kwargs), mine(*args, **kwargs)
    compare(_plain(expected), _plain(found), tolerance, "value")
    wanted = conformance.differentiable(_plain(expected))
    if not wanted:
        return
    results = conformance.differentiable(_plain(found))
    assert len(results) == len(wanted), "an output does not require grad"
    weights = conformance.weights_for(wanted)
    torch.autograd.backward(wanted, [torch.tensor(w).to(y.dtype) for w, y in zip(weights, wanted)])
    numbatorch.autograd.backward(
        results, [numbatorch.tensor(w, dtype=y.dtype) for w, y in zip(weights, results)]
    )
    gradients = dict(mine.named_parameters())
    for name, parameter in theirs.named_parameters():
        _compare_gradients(parameter, gradients[name], tolerance, f"gradient of {name}")
    for a, b in zip(leaves, our_leaves):
        _compare_gradients(a, b, tolerance, "gradient of an input")


def _compare_gradients(a, b, tolerance, what):
    zero = torch.zeros_like(a)
    compare(
        zero if a.grad is None else a.grad,
        zero if b.grad is None else b.grad,
        (tolerance[0] * 10, tolerance[1] * 10),
        what,
    )


def _plain(value):
    """Outputs without named classes such as packed sequences."""
    if isinstance(value, list | tuple):
        return tuple(_plain(item) for item in value)
    return value


def check_module_errors(entry, dtype):
    """The exceptions of an entry's error inputs must be of the same type."""
    if entry.module_error_inputs_func is None:
        return 0
    from torch.testing._internal.common_modules import ModuleErrorEnum

    count = 0
    for error in entry.module_error_inputs_func(
        entry, device="cpu", dtype=getattr(torch, dtype), requires_grad=False, training=False
    ):
        sample = error.module_error_input
        given = sample.constructor_input
        caught = None
        try:
            kind = class_like(entry.module_cls, numbatorch.nn)
            module = kind(
                *[ours(x) for x in given.args], **{k: ours(v) for k, v in given.kwargs.items()}
            )
            if error.error_on is ModuleErrorEnum.FORWARD_ERROR:
                call = sample.forward_input
                module(*to_ours(tuple(call.args), []), **to_ours(call.kwargs, []))
        except NotBuilt:
            raise
        except Exception as raised:  # noqa: BLE001  its type is compared
            caught = raised
        wanted = error.error_type
        assert isinstance(caught, wanted), f"error input {count}: {caught!r}, expected {wanted}"
        count += 1
    return count


def run_module(entry, dtype):
    if getattr(torch, dtype) not in entry.supported_dtypes("cpu"):
        return f"has no {dtype}"
    count = sum(check_module(entry, dtype, training) for training in (True, False))
    return f"{count} inputs, {check_module_errors(entry, dtype)} errors"


# Optimizers -------------------------------------------------------------------------------------------


def run_optimizer(entry, dtype):
    """Five steps with every set of options."""
    kind = class_like(entry.optim_cls, numbatorch.optim)
    shapes = [(3, 4), (4,)] if entry.name != "Muon" else [(3, 4), (4, 2)]
    inputs = entry.optim_inputs_func(device="cpu", dtype=getattr(torch, dtype))
    for options in inputs:
        keywords = dict(options.kwargs)
        results = []
        for t, optimizer_class in ((torch, entry.optim_cls), (numbatorch, kind)):
            rng = np.random.default_rng(0)
            params = [
                t.tensor(rng.normal(size=shape), dtype=getattr(t, dtype)).requires_grad_()
                for shape in shapes
            ]
            given = keywords if t is torch else to_ours(keywords, [])
            results.append(_steps(t, optimizer_class, params, given, entry))
        rtol, atol = TOLERANCES[dtype]
        loose = 500 if entry.name == "Muon" else 10
        for a, b in zip(*results):
            assert a.shape == b.shape
            np.testing.assert_allclose(
                b, a, rtol=rtol * loose, atol=atol * loose, err_msg=f"{options.desc} {keywords}"
            )
    return f"{len(inputs)} sets of options, {check_optimizer_errors(entry, kind)} errors"


def check_optimizer_errors(entry, kind):
    """The exceptions, and warnings, of an entry's error inputs must be of the same type."""
    if entry.optim_error_inputs_func is None:
        return 0
    count = 0
    for error in entry.optim_error_inputs_func("cpu", torch.float32):
        if error.error_on.name != "CONSTRUCTION_ERROR":
            continue
        given = error.optimizer_error_input
        caught = None
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                kind(once_each(given.params, {}), **to_ours(given.kwargs, []))
        except Exception as raised:  # noqa: BLE001  its type is compared
            caught = raised
        assert isinstance(caught, error.error_type), (
            f"error input {given.desc}: {caught!r}, expected {error.error_type}"
        )
        count += 1
    return count


def once_each(params, made):
    """Our form of parameters or groups of them; what occurs twice is one tensor here too."""
    if isinstance(params, torch.Tensor):
        if id(params) not in made:
            made[id(params)] = to_ours(params, [])
        return made[id(params)]
    if isinstance(params, list):
        return [once_each(item, made) for item in params]
    if isinstance(params, dict):
        return {key: once_each(item, made) for key, item in params.items()}
    return to_ours(params, [])


def _steps(t, optimizer_class, params, keywords, entry):
    optimizer = optimizer_class(params, **keywords)

    def closure():
        optimizer.zero_grad()
        loss = sum((p.sin() + p.square()).sum() for p in params)
        loss.backward()
        if entry.only_supports_sparse_grads:
            for p in params:
                p.grad = p.grad.to_sparse()
        return loss

    for _ in range(5):
        if optimizer_class.__name__ == "LBFGS":
            optimizer.step(closure)
        else:
            closure()
            optimizer.step()
    return [p.detach().numpy() for p in params]


# The report -------------------------------------------------------------------------------------------


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*")
    parser.add_argument("--dtype", default="float64", choices=sorted(TOLERANCES))
    parser.add_argument("--only", choices=["modules", "optimizers"])
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    from torch.testing._internal.common_modules import module_db
    from torch.testing._internal.common_optimizers import optim_db

    entries = []
    if options.only != "optimizers":
        entries += [(entry.name, entry, run_module) for entry in module_db]
    if options.only != "modules":
        entries += [(f"optim.{entry.name}", entry, run_optimizer) for entry in optim_db]
    known = known_failures()
    counts = {"passed": 0, "failed": 0, "not built": 0}
    unexpected = []
    for name, entry, run in entries:
        if options.names and name not in options.names:
            continue
        try:
            result, detail = "passed", run(entry, options.dtype)
        except NotBuilt as missing:
            result, detail = "not built", str(missing)
        except Exception as error:  # noqa: BLE001  it is the report
            result = "failed"
            detail = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        counts[result] += 1
        reason = known.get(name)
        print(
            f"{result:10s} {name:40s} {reason if result != 'passed' and reason else detail}",
            flush=True,
        )
        if result == "failed" and reason is None:
            unexpected.append(name)
    print(f"{options.dtype}: " + ", ".join(f"{count} {name}" for name, count in counts.items()))
    return 1 if unexpected else 0


if __name__ == "__main__":
    sys.exit(main())
