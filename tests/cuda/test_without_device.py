"""`numbatorch.cuda` on a machine without a device: asking is harmless, using one raises."""

import subprocess
import sys

import pytest

import numbatorch as torch

pytestmark = pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")


def test_there_is_none():
    assert torch.cuda.device_count() == 0
    assert not torch.cuda.is_initialized()
    assert torch.cuda.memory_allocated() == torch.cuda.max_memory_reserved() == 0
    assert torch.cuda.get_arch_list() == []
    assert not torch.cuda.is_bf16_supported()


@pytest.mark.parametrize(
    "use",
    [
        torch.cuda.init, torch.cuda.current_device, torch.cuda.synchronize,
        torch.cuda.get_device_name, torch.cuda.get_device_properties, torch.cuda.Stream,
        torch.cuda.current_stream, torch.cuda.mem_get_info,
    ],
)  # fmt: skip
def test_using_one_raises(use):
    with pytest.raises(RuntimeError, match="Found no NVIDIA driver"):
        use()


def test_tensors_cannot_go_there():
    with pytest.raises(RuntimeError, match="Found no NVIDIA driver"):
        torch.ones(3, device="cuda")


def test_what_programs_do_in_passing():
    torch.cuda.manual_seed(1)
    torch.cuda.manual_seed_all(1)
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()


def test_memory_is_not_page_locked():
    with pytest.raises(RuntimeError, match="Cannot access accelerator device"):
        torch.ones(2).pin_memory()
    assert not torch.ones(2).is_pinned()
    with pytest.warns(UserWarning, match="no accelerator is found"):
        assert len(list(torch.utils.data.DataLoader([1, 2], pin_memory=True))) == 2


def test_seeding_a_missing_device_leaves_the_host_alone():
    torch.manual_seed(3)
    expected = torch.rand(4).tolist()
    torch.manual_seed(3)
    torch.cuda.manual_seed(8)
    assert torch.rand(4).tolist() == expected


def test_mixed_precision_is_off():
    with (
        pytest.warns(FutureWarning, match="deprecated"),
        pytest.warns(UserWarning, match="CUDA is not available"),
    ):
        scaler = torch.cuda.amp.GradScaler()
    assert not scaler.is_enabled()
    assert scaler.get_scale() == 1.0
    assert scaler.state_dict() == {}
    loss = torch.ones(())
    assert scaler.scale(loss) is loss
    with (
        pytest.warns(FutureWarning, match="deprecated"),
        pytest.warns(UserWarning, match="CUDA is not available"),
        torch.cuda.amp.autocast(),
    ):
        assert not torch.is_autocast_enabled("cuda")


def test_numba_cuda_is_not_even_imported():
    code = (
        "import sys, numbatorch as torch; torch.cuda.is_available();"
        "sys.exit('numba.cuda' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
