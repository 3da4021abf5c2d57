"""Softmax over many classes, the frequent ones cheaper than the rare ones."""

from collections import namedtuple
from collections.abc import Sequence

from numbatorch import creation, ops
from numbatorch.nn import functional as F
from numbatorch.nn.modules.container import ModuleList, Sequential
from numbatorch.nn.modules.linear import Linear
from numbatorch.nn.modules.module import Module
from numbatorch.tensor import Tensor

_ASMoutput = namedtuple("_ASMoutput", ["output", "loss"])


class AdaptiveLogSoftmaxWithLoss(Module):
    """Grave et al. (2017): a head over the frequent classes and over clusters of the rare ones.

    ``cutoffs`` are the first classes of the clusters; classes are sorted by frequency.
    """

    def __init__(
        self,
        in_features: int,
        n_classes: int,
        cutoffs: Sequence[int],
        div_value: float = 4.0,
        head_bias: bool = False,
        device=None,
        dtype=None,
    ):
        super().__init__()
        cutoffs = list(cutoffs)
        if len(cutoffs) == 0:
            raise ValueError("cutoffs should be a sequence of length larger than 0")
        if (
            cutoffs != sorted(set(cutoffs))
            or min(cutoffs) <= 0
            or max(cutoffs) > n_classes - 1
            or any(int(cutoff) != cutoff for cutoff in cutoffs)
        ):
            raise ValueError(
                "cutoffs should be a sequence of unique, positive integers sorted in an "
                "increasing order, where each value is between 1 and n_classes-1"
            )
        self.in_features = in_features
        self.n_classes = n_classes
        self.cutoffs = [*cutoffs, n_classes]
        self.div_value = div_value
        self.head_bias = head_bias
        self.shortlist_size = self.cutoffs[0]
        self.n_clusters = len(self.cutoffs) - 1
        self.head_size = self.shortlist_size + self.n_clusters
        place = {"device": device, "dtype": dtype}
        self.head = Linear(in_features, self.head_size, bias=head_bias, **place)
        self.tail = ModuleList()
        for cluster in range(self.n_clusters):
            hidden = int(in_features // div_value ** (cluster + 1))
            classes = self.cutoffs[cluster + 1] - self.cutoffs[cluster]
            self.tail.append(
                Sequential(
                    Linear(in_features, hidden, bias=False, **place),
                    Linear(hidden, classes, bias=False, **place),
                )
            )

    def reset_parameters(self) -> None:
        self.head.reset_parameters()
        for down, up in self.tail:
            down.reset_parameters()
            up.reset_parameters()

    def forward(self, input_: Tensor, target_: Tensor) -> _ASMoutput:
        """(log-probability of every target, their mean with its sign changed)"""
        input, target = input_, target_
        _check_target(input, target)
        batched = target.dim() > 0
        if not batched:
            input, target = input.unsqueeze(0), target.unsqueeze(0)
        self._check_range(target)
        head = F.log_softmax(self.head(input), 1)
        output = creation.zeros(target.size(0), dtype=input.dtype, device=input.device)
        for cluster in range(-1, self.n_clusters):
            first = 0 if cluster < 0 else self.cutoffs[cluster]
            members = (target >= first) & (target < self.cutoffs[cluster + 1])
            rows = members.nonzero().squeeze(1)
            if rows.numel() == 0:
                continue
            chosen = (target[rows] - first).unsqueeze(1)
            if cluster < 0:
                log_probability = head[rows].gather(1, chosen).squeeze(1)
            else:
                tail = F.log_softmax(self.tail[cluster](input[rows]), 1)
                log_probability = tail.gather(1, chosen).squeeze(1)
                log_probability = log_probability + head[rows, self.shortlist_size + cluster]
            output = output.index_copy(0, rows, log_probability)
        loss = -output.mean()
        return _ASMoutput(output if batched else output.squeeze(0), loss)

    def _check_range(self, target: Tensor) -> None:
        outside = (target < 0) | (target >= self.n_classes)
        if outside.any():
            raise RuntimeError(
                f"Target values should be in [0, {self.n_classes - 1}], but values in range "
                f"[{target.min().item()}, {target.max().item()}] were found. "
            )

    def log_prob(self, input: Tensor) -> Tensor:
        """Log-probabilities of all classes, (N, n_classes)."""
        head = F.log_softmax(self.head(input), 1)
        parts = [head[:, : self.shortlist_size]]
        for cluster, tail in enumerate(self.tail):
            within = F.log_softmax(tail(input), 1)
            parts.append(within + head[:, self.shortlist_size + cluster].unsqueeze(1))
        return ops.cat(parts, 1)

    def predict(self, input: Tensor) -> Tensor:
        """The most probable class of every sample."""
        return self.log_prob(input).argmax(1)


def _check_target(input: Tensor, target: Tensor) -> None:
    if target.dim() == 1:
        if input.size(0) != target.size(0):
            raise RuntimeError("Input and target should have the same size in the batch dimension.")
        if input.dim() != 2:
            raise RuntimeError(
                "1D target tensor expects 2D input tensors, but found inputs with size",
                input.size(),
            )
    elif target.dim() == 0:
        if input.dim() != 1:
            raise RuntimeError(
                "0D target tensor expects 1D input tensors, but found inputs with size",
                input.size(),
            )
    else:
        raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
