"""numbatorch: PyTorch-shaped deep learning whose kernels are Python functions compiled by Numba."""
