"""Layers that detection models use."""

from ... import nn
from ...creation import ones, zeros


class FrozenBatchNorm2d(nn.Module):
    """Batch normalization by fixed statistics and a fixed affine map, all of them buffers."""

    def __init__(self, num_features: int, eps: float = 1e-5):
        super().__init__()
        self.eps = eps
        self.register_buffer("weight", ones(num_features))
        self.register_buffer("bias", zeros(num_features))
        self.register_buffer("running_mean", zeros(num_features))
        self.register_buffer("running_var", ones(num_features))

    def _load_from_state_dict(self, state_dict, prefix, *rest):
        state_dict.pop(f"{prefix}num_batches_tracked", None)
        super()._load_from_state_dict(state_dict, prefix, *rest)

    def forward(self, x):
        def each_channel(values):
            return values.reshape(1, -1, 1, 1)

        scale = each_channel(self.weight) * (each_channel(self.running_var) + self.eps).rsqrt()
        return x * scale + (each_channel(self.bias) - each_channel(self.running_mean) * scale)

    def __repr__(self):
        return f"{type(self).__name__}({self.weight.shape[0]}, eps={self.eps})"
