"""Parameter groups, checkpoints, hooks, closures and errors of the optimizers."""

import copy
import pickle
from inspect import signature

import numpy as np
import pytest

import numbatorch as nt
from numbatorch import optim
from numbatorch.optim.optimizer import (
    register_optimizer_step_post_hook,
    register_optimizer_step_pre_hook,
    required,
)

EVERY = [getattr(optim, name) for name in optim.__all__ if isinstance(getattr(optim, name), type)]
#: Those that take parameters of any shape, one by one.
DENSE = [cls for cls in EVERY if cls is not optim.SparseAdam]
ELEMENTWISE = [cls for cls in DENSE if cls not in (optim.Optimizer, optim.LBFGS, optim.Muon)]
DIFFERENTIABLE = [cls for cls in ELEMENTWISE if "differentiable" in signature(cls).parameters]


def parameter(*values):
    return nt.tensor(list(values), requires_grad=True)


def with_gradient(*values):
    param = parameter(*values)
    (param**2).sum().backward()
    return param


def steps(optimizer, param, count):
    for _ in range(count):
        optimizer.zero_grad()
        (param**2).sum().backward()
        optimizer.step()
    return param.tolist()


class TestGroups:
    def test_options_of_a_group_win(self):
        first, second = with_gradient(1.0), with_gradient(1.0)
        optimizer = optim.SGD([{"params": first}, {"params": [second], "lr": 0.5}], lr=0.1)
        optimizer.step()
        np.testing.assert_allclose(first.tolist(), [0.8], rtol=1e-6)
        np.testing.assert_allclose(second.tolist(), [0.0], atol=1e-6)

    def test_add_param_group(self):
        optimizer = optim.SGD([parameter(1.0)], lr=0.1, momentum=0.9)
        optimizer.add_param_group({"params": parameter(2.0), "lr": 0.2})
        assert [group["lr"] for group in optimizer.param_groups] == [0.1, 0.2]
        assert optimizer.param_groups[1]["momentum"] == 0.9

    def test_named_parameters(self):
        weight, bias = parameter(1.0), parameter(2.0)
        optimizer = optim.SGD([("weight", weight), ("bias", bias)], lr=0.1)
        assert optimizer.param_groups[0]["param_names"] == ["weight", "bias"]
        assert optimizer.state_dict()["param_groups"][0]["param_names"] == ["weight", "bias"]
        with pytest.raises(ValueError, match="with/without names"):
            optimizer.add_param_group({"params": parameter(3.0)})
        with pytest.raises(ValueError, match="Some param names are missing"):
            optim.SGD([("weight", weight), bias], lr=0.1)

    def test_errors(self):
        param = parameter(1.0)
        with pytest.raises(TypeError, match="iterable of Tensors or dicts"):
            optim.SGD(param, lr=0.1)
        with pytest.raises(ValueError, match="empty parameter list"):
            optim.SGD([], lr=0.1)
        with pytest.raises(TypeError, match="ordered collections"):
            optim.SGD([{"params": {param}}], lr=0.1)
        with pytest.raises(TypeError, match="can only optimize Tensors, .* is float"):
            optim.SGD([1.0], lr=0.1)
        with pytest.raises(ValueError, match="can't optimize a non-leaf Tensor"):
            optim.SGD([param * 2], lr=0.1)
        with pytest.raises(ValueError, match="more than one parameter group"):
            optim.SGD([{"params": [param]}, {"params": [param]}], lr=0.1)
        with pytest.raises(TypeError, match="param_group must be a dict"):
            optim.SGD([param], lr=0.1).add_param_group([param])
        with pytest.warns(UserWarning, match="duplicate parameters"):
            optim.SGD([param, param], lr=0.1)

    def test_a_group_must_give_required_options(self):
        class Plain(optim.Optimizer):
            pass

        assert repr(required) == "<required parameter>"
        with pytest.raises(ValueError, match="required optimization parameter lr"):
            Plain([parameter(1.0)], {"lr": required})


class TestOptions:
    @pytest.mark.parametrize(
        ("cls", "options", "message"),
        [
            (optim.SGD, {"lr": -1}, "Invalid learning rate: -1"),
            (optim.SGD, {"momentum": -1}, "Invalid momentum value: -1"),
            (optim.SGD, {"weight_decay": -1}, "Invalid weight_decay value: -1"),
            (optim.SGD, {"nesterov": True}, "Nesterov momentum requires a momentum"),
            (optim.Adam, {"eps": -1}, "Invalid epsilon value: -1"),
            (optim.Adam, {"betas": (1.0, 0.9)}, "Invalid beta parameter at index 0: 1.0"),
            (optim.AdamW, {"betas": (0.5, -0.1)}, "Invalid beta parameter at index 1: -0.1"),
            (optim.Adam, {"betas": (0, 0.9)}, "betas must be either both floats"),
            (optim.Adadelta, {"rho": 1.5}, "Invalid rho value: 1.5"),
            (optim.Adagrad, {"lr_decay": -1}, "Invalid lr_decay value: -1"),
            (optim.NAdam, {"momentum_decay": -1}, "Invalid momentum_decay value: -1"),
            (optim.RMSprop, {"alpha": -1}, "Invalid alpha value: -1"),
            (optim.Rprop, {"etas": (1.5, 2.0)}, "Invalid eta values: 1.5, 2.0"),
        ],
    )
    def test_invalid(self, cls, options, message):
        with pytest.raises(ValueError, match=message):
            cls([parameter(1.0)], **options)

    @pytest.mark.parametrize("cls", ELEMENTWISE)
    def test_learning_rate_in_a_tensor(self, cls):
        by_tensor, by_number = parameter(1.0, -2.0), parameter(1.0, -2.0)
        steps(cls([by_tensor], lr=nt.tensor(0.125)), by_tensor, 3)
        steps(cls([by_number], lr=0.125), by_number, 3)
        np.testing.assert_allclose(by_tensor.tolist(), by_number.tolist(), rtol=1e-6)
        with pytest.raises(ValueError, match="Tensor lr must be 1-element"):
            cls([parameter(1.0)], lr=nt.tensor([0.1, 0.2]))

    def test_fused_excludes_foreach_and_differentiable(self):
        for cls in (optim.SGD, optim.Adam, optim.AdamW, optim.Adagrad):
            with pytest.raises(RuntimeError, match="cannot be `True` together"):
                cls([parameter(1.0)], fused=True, foreach=True)
            with pytest.raises(RuntimeError, match="does not support `differentiable`"):
                cls([parameter(1.0)], fused=True, differentiable=True)

    def test_capturable_needs_a_device_graph(self):
        optimizer = optim.Adam([with_gradient(1.0)], capturable=True)
        with pytest.raises(AssertionError, match="If capturable=True"):
            optimizer.step()


class TestSteps:
    @pytest.mark.parametrize("cls", ELEMENTWISE)
    def test_parameters_without_gradient_stay(self, cls):
        moving, resting = with_gradient(1.0), parameter(1.0)
        cls([moving, resting]).step()
        assert moving.tolist() != [1.0]
        assert resting.tolist() == [1.0]

    def test_closure(self):
        param = parameter(1.0)
        optimizer = optim.SGD([param], lr=0.25)

        def closure():
            optimizer.zero_grad()
            loss = (param**2).sum()
            loss.backward()
            return loss

        assert optimizer.step(closure).item() == 1.0
        assert param.tolist() == [0.5]

    def test_zero_grad(self):
        param = with_gradient(1.0)
        optimizer = optim.SGD([param], lr=0.1)
        optimizer.zero_grad(set_to_none=False)
        assert param.grad.tolist() == [0.0]
        assert not param.grad.requires_grad
        optimizer.zero_grad()
        assert param.grad is None

    def test_step_records_no_graph(self):
        param = with_gradient(1.0)
        optim.Adam([param]).step()
        assert param.grad_fn is None
        assert param.is_leaf

    def test_base_class_has_no_rule(self):
        optimizer = optim.Optimizer([with_gradient(1.0)], {})
        with pytest.raises(NotImplementedError):
            optimizer.step()

    def test_own_optimizer_with_its_own_step(self):
        class Sign(optim.Optimizer):
            def __init__(self, params, lr):
                super().__init__(params, {"lr": lr})

            @nt.no_grad()
            def step(self):
                for group in self.param_groups:
                    for param in group["params"]:
                        param.sub_(group["lr"] * param.grad.sign())

        param = with_gradient(1.0, -1.0)
        calls = []
        optimizer = Sign([param], lr=0.5)
        optimizer.register_step_post_hook(lambda *_: calls.append("after"))
        optimizer.step()
        assert param.tolist() == [0.5, -0.5]
        assert calls == ["after"]

    @pytest.mark.parametrize("cls", DIFFERENTIABLE)
    def test_differentiable_steps_can_be_backpropagated(self, cls):
        """Second step included: what autograd saved must survive the changes of the state."""
        start = nt.tensor([1.0, -2.0, 0.5], dtype=nt.float64, requires_grad=True)
        param = start.clone()
        grads = [nt.tensor([0.3, -0.1, 0.2], dtype=nt.float64, requires_grad=True) for _ in "ab"]
        optimizer = cls([param], differentiable=True)
        for grad in grads:
            param.grad = grad * 1
            optimizer.step()
        (param**2).sum().backward()
        assert start.grad is not None
        assert np.isfinite(start.grad.tolist()).all()
        if cls is not optim.Rprop:
            assert all(np.abs(grad.grad.tolist()).max() > 0 for grad in grads)

    def test_differentiable_learning_rate(self):
        for cls in (optim.SGD, optim.Adam):
            rate = nt.tensor(0.1, dtype=nt.float64, requires_grad=True)
            param = nt.tensor([1.0, 2.0], dtype=nt.float64, requires_grad=True).clone()
            param.grad = nt.tensor([0.5, 0.25], dtype=nt.float64)
            cls([param], lr=rate, differentiable=True).step()
            param.sum().backward()
            expected = -0.75 if cls is optim.SGD else -2.0
            np.testing.assert_allclose(rate.grad.item(), expected, rtol=1e-6)


class TestHooks:
    def test_order_and_arguments(self):
        calls = []
        optimizer = optim.SGD([with_gradient(1.0)], lr=0.1)
        handles = [
            register_optimizer_step_pre_hook(lambda *_: calls.append("global before")),
            optimizer.register_step_pre_hook(lambda *_: calls.append("before")),
            optimizer.register_step_post_hook(lambda *_: calls.append("after")),
            register_optimizer_step_post_hook(lambda *_: calls.append("global after")),
        ]
        optimizer.step()
        assert calls == ["global before", "before", "after", "global after"]
        for handle in handles:
            handle.remove()
        optimizer.step()
        assert len(calls) == 4

    def test_pre_hook_may_change_the_arguments(self):
        optimizer = optim.SGD([with_gradient(1.0)], lr=0.1)
        handle = optimizer.register_step_pre_hook(lambda *_: ((lambda: 7,), {}))
        assert optimizer.step() == 7
        handle.remove()
        optimizer.register_step_pre_hook(lambda *_: 3)
        with pytest.raises(RuntimeError, match="must return None or a tuple"):
            optimizer.step()

    def test_state_dict_hooks(self):
        optimizer = optim.SGD([parameter(1.0)], lr=0.1)
        calls = []
        optimizer.register_state_dict_pre_hook(lambda _: calls.append("second"))
        optimizer.register_state_dict_pre_hook(lambda _: calls.append("first"), prepend=True)
        optimizer.register_state_dict_post_hook(lambda _, state: {**state, "extra": 1})
        state = optimizer.state_dict()
        assert calls == ["first", "second"]
        assert state["extra"] == 1
        optimizer.register_load_state_dict_pre_hook(lambda _, s: calls.append(s["extra"]))
        optimizer.register_load_state_dict_post_hook(lambda _: calls.append("loaded"))
        optimizer.load_state_dict(state)
        assert calls[2:] == [1, "loaded"]


class TestCheckpoints:
    @pytest.mark.parametrize("cls", ELEMENTWISE)
    def test_resume(self, cls):
        straight = parameter(1.0, -2.0)
        expected = steps(cls([straight]), straight, 6)

        param = parameter(1.0, -2.0)
        optimizer = cls([param])
        steps(optimizer, param, 3)
        saved = copy.deepcopy(optimizer.state_dict())
        resumed = param.detach().clone().requires_grad_(True)
        optimizer = cls([resumed], lr=0.5)
        optimizer.load_state_dict(saved)
        assert steps(optimizer, resumed, 3) == expected

    @pytest.mark.parametrize("cls", ELEMENTWISE)
    def test_pickle_and_deepcopy(self, cls):
        param = parameter(1.0, -2.0)
        optimizer = cls([param])
        steps(optimizer, param, 2)
        clones = [pickle.loads(pickle.dumps(optimizer)), copy.deepcopy(optimizer)]
        expected = steps(optimizer, param, 2)
        for clone in clones:
            copied = clone.param_groups[0]["params"][0]
            assert copied is not param
            assert steps(clone, copied, 2) == expected
            assert repr(clone) == repr(optimizer)

    def test_loads_pytorchs_state(self):
        torch = pytest.importorskip("torch")
        theirs = torch.tensor([1.0, -2.0], requires_grad=True)
        their_optimizer = torch.optim.Adam([theirs], lr=0.1, amsgrad=True)
        steps(their_optimizer, theirs, 3)
        state = their_optimizer.state_dict()
        state["state"] = {
            index: {key: nt.tensor(value.tolist()) for key, value in entries.items()}
            for index, entries in state["state"].items()
        }
        mine = parameter(*theirs.tolist())
        optimizer = optim.Adam([mine])
        optimizer.load_state_dict(state)
        expected = steps(their_optimizer, theirs, 3)
        np.testing.assert_allclose(steps(optimizer, mine, 3), expected, rtol=1e-6)

    def test_old_checkpoints_lack_options_and_hold_numbers(self):
        param = parameter(1.0)
        optimizer = optim.AdamW([param], lr=0.1)
        steps(optimizer, param, 2)
        state = optimizer.state_dict()
        group = state["param_groups"][0]
        for name in ("maximize", "foreach", "capturable", "fused", "decoupled_weight_decay"):
            del group[name]
        state["state"][0]["step"] = 2
        optimizer.load_state_dict(state)
        group = optimizer.param_groups[0]
        assert group["maximize"] is False
        assert group["fused"] is None
        assert group["decoupled_weight_decay"] is True
        assert optimizer.state[param]["step"].item() == 2.0
        steps(optimizer, param, 1)

    def test_state_takes_the_parameters_dtype(self):
        param = parameter(1.0)
        optimizer = optim.SGD([param], lr=0.1, momentum=0.9)
        steps(optimizer, param, 1)
        double = nt.tensor([1.0], dtype=nt.float64, requires_grad=True)
        loaded = optim.SGD([double], lr=0.1, momentum=0.9)
        loaded.load_state_dict(optimizer.state_dict())
        assert loaded.state[double]["momentum_buffer"].dtype == nt.float64

    def test_mismatch(self):
        one = optim.SGD([parameter(1.0)], lr=0.1)
        two = optim.SGD([parameter(1.0), parameter(2.0)], lr=0.1)
        groups = optim.SGD([{"params": parameter(1.0)}, {"params": parameter(2.0)}], lr=0.1)
        with pytest.raises(ValueError, match="different number of parameter groups"):
            one.load_state_dict(groups.state_dict())
        with pytest.raises(ValueError, match="doesn't match the size"):
            one.load_state_dict(two.state_dict())


class TestLBFGS:
    def test_one_group_only(self):
        with pytest.raises(ValueError, match="per-parameter options"):
            optim.LBFGS([{"params": parameter(1.0)}, {"params": parameter(2.0)}])

    def test_unknown_line_search(self):
        param = with_gradient(1.0)
        optimizer = optim.LBFGS([param], line_search_fn="golden")
        with pytest.raises(RuntimeError, match="only 'strong_wolfe' is supported"):
            optimizer.step(lambda: (param**2).sum())

    def test_stops_where_the_gradient_is_zero(self):
        param = parameter(0.0)
        optimizer = optim.LBFGS([param])

        def closure():
            optimizer.zero_grad()
            loss = (param**2).sum()
            loss.backward()
            return loss

        assert optimizer.step(closure).item() == 0.0
        assert optimizer.state[param]["func_evals"] == 1
