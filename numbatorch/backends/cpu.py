"""What the CPU can do."""

import llvmlite.binding


def get_cpu_capability():
    """ "AVX512", "AVX2" or "DEFAULT"."""
    features = llvmlite.binding.get_host_cpu_features()
    if features.get("avx512f"):
        return "AVX512"
    return "AVX2" if features.get("avx2") else "DEFAULT"
