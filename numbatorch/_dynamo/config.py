"""Settings of PyTorch's tracer: assigning these changes nothing."""

recompile_limit = cache_size_limit = 8
suppress_errors = False
verbose = False
