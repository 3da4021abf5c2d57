"""Names for type hints in scripted code (`torch.jit.annotations`)."""
