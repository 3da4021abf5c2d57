"""Scalar formulas, by family: plain Python that runs as it is, under @njit and under @cuda.jit.

Each is written once and serves both targets. Constants that must not widen a float32 computation
are written `like(x, 0.5)`: the number 0.5 in the type of x.
"""
