"""Settings of absent engines behave as on a machine without them."""

import numbatorch as torch


def test_programs_may_set_and_ask():
    torch.backends.cudnn.benchmark = True
    assert torch.backends.cudnn.benchmark is True
    torch.backends.cudnn.benchmark = False
    torch.backends.cuda.matmul.allow_tf32 = True
    assert not torch.backends.cudnn.is_available() and torch.backends.cudnn.version() is None
    assert not torch.backends.mps.is_available() and not torch.backends.mkldnn.is_available()
    assert torch.ones(2).get_device() == -1 and not torch.ones(2).is_pinned()
