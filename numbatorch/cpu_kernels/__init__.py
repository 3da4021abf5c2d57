"""Kernels for the CPU. Each module has a twin of the same name in `cuda_kernels`."""
