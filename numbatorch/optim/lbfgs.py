"""L-BFGS: a quasi-Newton method with limited memory."""

from __future__ import annotations

from .. import creation, ops
from ..autograd import enable_grad, no_grad
from .line_search import strong_wolfe
from .optimizer import Optimizer
from .rules import check_learning_rate, scalar


class LBFGS(Optimizer):
    """Newton steps from the last `history_size` gradients (Nocedal, 1980).

    One `step(closure)` does up to `max_iter` iterations and calls the closure, which clears the
    gradients, computes the loss, calls backward and returns the loss, up to `max_eval` times.
    Takes one parameter group. `line_search_fn` is None (steps of `lr`) or "strong_wolfe".
    """

    def __init__(
        self,
        params,
        lr=1,
        max_iter=20,
        max_eval=None,
        tolerance_grad=1e-7,
        tolerance_change=1e-9,
        history_size=100,
        line_search_fn=None,
    ):
        check_learning_rate(lr)
        defaults = {
            "lr": lr,
            "max_iter": max_iter,
            "max_eval": max_iter * 5 // 4 if max_eval is None else max_eval,
            "tolerance_grad": tolerance_grad,
            "tolerance_change": tolerance_change,
            "history_size": history_size,
            "line_search_fn": line_search_fn,
        }
        super().__init__(params, defaults)
        if len(self.param_groups) != 1:
            raise ValueError("LBFGS doesn't support per-parameter options (parameter groups)")

    @no_grad()
    def step(self, closure):
        """Minimise `closure()`; returns the loss before the first move."""
        group = self.param_groups[0]
        if group["line_search_fn"] not in (None, "strong_wolfe"):
            raise RuntimeError("only 'strong_wolfe' is supported")
        closure = enable_grad()(closure)
        # All state is global; it is filed under the first parameter, as in PyTorch.
        state = self.state[group["params"][0]]
        state.setdefault("func_evals", 0)
        state.setdefault("n_iter", 0)

        first_loss = closure()
        loss, grad = float(first_loss), self._flat_grad()
        state["func_evals"] += 1
        evaluations = 1
        if grad.abs().max() <= group["tolerance_grad"]:
            return first_loss

        for iteration in range(1, group["max_iter"] + 1):
            state["n_iter"] += 1
            self._choose_direction(state, grad, group["history_size"])
            direction = state["d"]
            state["prev_flat_grad"] = grad.clone()
            state["prev_loss"] = loss

            first = state["n_iter"] == 1
            length = scalar(group["lr"]) * (min(1.0, 1.0 / grad.abs().sum()) if first else 1)
            state["t"] = length
            slope = grad.dot(direction)
            if slope > -group["tolerance_change"]:
                break

            last = iteration == group["max_iter"]
            loss, grad, length, calls = self._move(
                closure, loss, grad, direction, length, slope, group["max_eval"] - evaluations, last
            )
            state["t"] = length
            evaluations += calls
            state["func_evals"] += calls
            if (
                last
                or evaluations >= group["max_eval"]
                or grad.abs().max() <= group["tolerance_grad"]
                or direction.mul(length).abs().max() <= group["tolerance_change"]
                or abs(loss - state["prev_loss"]) < group["tolerance_change"]
            ):
                break
        return first_loss

    def _choose_direction(self, state: dict, grad, history_size: int) -> None:
        """state["d"] = -(inverse Hessian) @ grad, by the two-loop recursion."""
        if state["n_iter"] == 1:
            state.update(d=grad.neg(), old_dirs=[], old_stps=[], ro=[], H_diag=1)
            return
        changes, moves, inverses = state["old_dirs"], state["old_stps"], state["ro"]
        change = grad.sub(state["prev_flat_grad"])
        move = state["d"].mul(state["t"])
        curvature = change.dot(move)
        if curvature > 1e-10:
            if len(changes) == history_size:
                for memory in (changes, moves, inverses):
                    memory.pop(0)
            changes.append(change)
            moves.append(move)
            inverses.append(1.0 / curvature)
            state["H_diag"] = curvature / change.dot(change)

        weights = state.setdefault("al", [None] * history_size)
        direction = grad.neg()
        for i in reversed(range(len(changes))):
            weights[i] = moves[i].dot(direction) * inverses[i]
            direction = direction - changes[i] * weights[i]
        direction = direction * state["H_diag"]
        for i in range(len(changes)):
            correction = changes[i].dot(direction) * inverses[i]
            direction = direction + moves[i] * (weights[i] - correction)
        state["d"] = direction

    def _move(self, closure, loss, grad, direction, length, slope, most_calls, last):
        """Go along the direction; returns (loss, gradient, length, calls of the closure)."""
        if self.param_groups[0]["line_search_fn"] == "strong_wolfe":
            start = [param.clone() for param in self.param_groups[0]["params"]]

            def evaluate(length):
                self._add(direction, length)
                loss, grad = float(closure()), self._flat_grad()
                for param, value in zip(self.param_groups[0]["params"], start):
                    param.copy_(value)
                return loss, grad

            loss, grad, length, calls = strong_wolfe(
                evaluate, length, direction, loss, grad, slope, most_steps=most_calls
            )
            self._add(direction, length)
            return loss, grad, length, calls
        self._add(direction, length)
        if last:  # the next step() evaluates again, on other data perhaps
            return loss, grad, length, 0
        return float(closure()), self._flat_grad(), length, 1

    def _flat_grad(self):
        """The gradients of all parameters as one real vector."""
        pieces = []
        for param in self.param_groups[0]["params"]:
            grad = creation.zeros_like(param) if param.grad is None else param.grad
            grad = grad.to_dense() if grad.is_sparse else grad
            pieces.append((ops.view_as_real(grad) if grad.is_complex() else grad).reshape(-1))
        return ops.cat(pieces)

    def _add(self, direction, length) -> None:
        """Add length * direction to the parameters, laid end to end."""
        offset = 0
        for param in self.param_groups[0]["params"]:
            real = ops.view_as_real(param) if param.is_complex() else param
            piece = direction[offset : offset + real.numel()]
            real.add_(piece.view_as(real), alpha=scalar(length))
            offset += real.numel()
