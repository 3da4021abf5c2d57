"""Settings of PyTorch's code generator: assigning these changes nothing."""

coordinate_descent_tuning = False
coordinate_descent_check_all_directions = False
epilogue_fusion = True
force_fuse_int_mm_with_mul = False
max_autotune = False
triton = None
fx_graph_cache = False
