"""Settings of absent engines behave as on a machine without them."""

import importlib

import pytest

import numbatorch as torch


def test_programs_may_set_and_ask():
    torch.backends.cudnn.benchmark = True
    assert torch.backends.cudnn.benchmark is True
    torch.backends.cudnn.benchmark = False
    torch.backends.cuda.matmul.allow_tf32 = True
    assert not torch.backends.cudnn.is_available() and torch.backends.cudnn.version() is None
    assert not torch.backends.mps.is_available() and not torch.backends.mkldnn.is_available()
    assert torch.ones(2).get_device() == -1 and not torch.ones(2).is_pinned()


def test_devices_of_other_makers_are_never_there():
    for device in (torch.xpu, torch.mps):
        assert not device.is_available() and device.device_count() == 0
        device.empty_cache()
    torch.xpu.manual_seed(1)
    with pytest.raises(RuntimeError, match="no XPU backend"):
        torch.xpu.current_device()


def test_modules_of_names_hold_them():
    functional = importlib.import_module("numbatorch.functional")
    assert functional.einsum is torch.einsum
    assert importlib.import_module("numbatorch.nn.modules.utils")._pair(3) == (3, 3)
    types = importlib.import_module("numbatorch.types")
    assert isinstance(2.5, types.Number) and isinstance("cpu", types.Device)
