"""Instance normalisation layers."""

import warnings

from numbatorch.nn import functional as F
from numbatorch.nn.modules.batchnorm import _LazyNormBase, _NormBase
from numbatorch.tensor import Tensor


class _InstanceNorm(_NormBase):
    """Normalisation of every channel of every sample, over ``_space`` dimensions."""

    _space: int

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        device=None,
        dtype=None,
        *,
        bias: bool = True,
    ):
        super().__init__(
            num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias
        )

    def forward(self, input: Tensor) -> Tensor:
        self._check_input_dim(input)
        channel_dim = input.dim() - self._space - 1
        self._check_channels(input, channel_dim)
        if channel_dim == 0:
            return self._apply_instance_norm(input.unsqueeze(0)).squeeze(0)
        return self._apply_instance_norm(input)

    def _apply_instance_norm(self, input: Tensor) -> Tensor:
        return F.instance_norm(
            input,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training or not self.track_running_stats,
            0.0 if self.momentum is None else self.momentum,
            self.eps,
        )

    def _check_input_dim(self, input: Tensor) -> None:
        if input.dim() not in (self._space + 1, self._space + 2):
            raise ValueError(
                f"expected {self._space + 1}D or {self._space + 2}D input "
                f"(got {input.dim()}D input)"
            )

    def _check_channels(self, input: Tensor, channel_dim: int) -> None:
        if input.size(channel_dim) == self.num_features:
            return
        if self.affine:
            raise ValueError(
                f"expected input's size at dim={channel_dim} to match num_features "
                f"({self.num_features}), but got: {input.size(channel_dim)}."
            )
        warnings.warn(
            f"input's size at dim={channel_dim} does not match num_features. "
            "You can silence this warning by not passing in num_features, "
            "which is not used because affine=False",
            stacklevel=3,
        )

    def _load_from_state_dict(
        self, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs
    ) -> None:
        if local_metadata.get("version") is None and not self.track_running_stats:
            found = [
                prefix + name
                for name in ("running_mean", "running_var")
                if prefix + name in state_dict
            ]
            if found:
                names, kind = " and ".join(f'"{key}"' for key in found), type(self).__name__
                error_msgs.append(
                    f"Unexpected running stats buffer(s) {names} for {kind} with "
                    "track_running_stats=False. If state_dict is a checkpoint saved before 0.4.0, "
                    f"this may be expected because {kind} does not track running stats by default "
                    "since 0.4.0. Please remove these keys from state_dict. If the running stats "
                    f"are actually needed, instead set track_running_stats=True in {kind} to "
                    f"enable them. See the documentation of {kind} for details."
                )
                for key in found:
                    del state_dict[key]
        super()._load_from_state_dict(
            state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs
        )


class InstanceNorm1d(_InstanceNorm):
    """Instance normalisation of (N, C, L) or (C, L)."""

    _space = 1


class InstanceNorm2d(_InstanceNorm):
    """Instance normalisation of (N, C, H, W) or (C, H, W)."""

    _space = 2


class InstanceNorm3d(_InstanceNorm):
    """Instance normalisation of (N, C, D, H, W) or (C, D, H, W)."""

    _space = 3


class _LazyInstanceNorm(_LazyNormBase):
    def initialize_parameters(self, input: Tensor) -> None:
        # unbatched inputs have their channels first
        super().initialize_parameters(input if input.dim() > self._space + 1 else input[None])


class LazyInstanceNorm1d(_LazyInstanceNorm, InstanceNorm1d):
    """An InstanceNorm1d that learns num_features from its first input."""

    cls_to_become = InstanceNorm1d


class LazyInstanceNorm2d(_LazyInstanceNorm, InstanceNorm2d):
    """An InstanceNorm2d that learns num_features from its first input."""

    cls_to_become = InstanceNorm2d


class LazyInstanceNorm3d(_LazyInstanceNorm, InstanceNorm3d):
    """An InstanceNorm3d that learns num_features from its first input."""

    cls_to_become = InstanceNorm3d
