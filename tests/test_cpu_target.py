"""Kernels are compiled late, cached on disk under everything they depend on, and split over threads."""

import os
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numba import types

from numbatorch import config, cpu_target, kernel_cache
from numbatorch.cpu_kernels.native import integer, real, span


def scale(element, bytes_):
    def scale_kernel(begin, end, arguments):
        out = span(integer(arguments, 0) + begin * bytes_, end - begin, element)
        x = span(integer(arguments, 1) + begin * bytes_, end - begin, element)
        factor = element(real(arguments, 2))
        for i in range(end - begin):
            out[i] = x[i] * factor

    return scale_kernel


def run_scale(size, threads_grain, factor=2.0):
    x = np.arange(size, dtype=np.float64)
    out = np.zeros_like(x)
    kernel = cpu_target.specialise(scale, types.float64, 8)
    kernel(size, threads_grain, out.ctypes.data, x.ctypes.data, reals=(factor,))
    np.testing.assert_array_equal(out, x * factor)


@pytest.fixture
def threads():
    before = cpu_target.get_num_threads()
    yield cpu_target.set_num_threads
    cpu_target.set_num_threads(before)


@pytest.mark.parametrize("size", [0, 1, 15, 16, 17, 1000, 4097])
def test_every_item_is_done_once_on_any_number_of_threads(size, threads):
    for count in (1, 2):
        threads(count)
        run_scale(size, 1)


def test_equal_keys_give_one_kernel():
    assert cpu_target.specialise(scale, types.float64, 8) is cpu_target.specialise(
        scale, types.float64, 8
    )
    assert cpu_target.specialise(scale, types.float32, 4) is not cpu_target.specialise(
        scale, types.float64, 8
    )


def test_threads_have_argument_blocks_of_their_own():
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda factor: run_scale(1000, 10**9, factor), range(200)))


def test_thread_counts_are_checked(threads):
    with pytest.raises(RuntimeError, match="positive"):
        threads(0)
    with pytest.raises(TypeError):
        threads(1.5)


def test_a_forked_child_does_not_enter_the_thread_pool(threads):
    threads(2)
    run_scale(100_000, 1)
    child = os.fork()
    if child == 0:
        try:
            run_scale(100_000, 1)
            os._exit(0)
        except BaseException:  # noqa: BLE001
            os._exit(1)
    assert os.waitpid(child, 0)[1] == 0


def test_a_kernel_may_only_close_over_what_has_a_name():
    with pytest.raises(TypeError, match="cannot close over"):
        kernel_cache.describe(np.zeros(3))
    assert kernel_cache.describe((1, "a", types.float32)) == "(1, 'a', float32)"


# The disk cache, in processes of their own ----------------------------------------------------------

PROGRAM = """
import numbatorch, sys, time
from numbatorch import kernel_cache
compiled = []
write = kernel_cache.write
kernel_cache.write = lambda *a: (compiled.append(a), write(*a))
x = numbatorch.ones(4) + 1
assert x.tolist() == [2.0] * 4
print(len(compiled))
"""


def compiled_kernels(cache, program=PROGRAM, **environment):
    """How many kernels a process compiled rather than loaded."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True,
        env={**os.environ, "NUMBATORCH_CACHE_DIR": str(cache), **environment},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


def test_the_second_process_compiles_nothing(tmp_path):
    assert compiled_kernels(tmp_path) > 0
    assert compiled_kernels(tmp_path) == 0


def test_damaged_files_cost_a_compilation_only(tmp_path):
    first = compiled_kernels(tmp_path)
    for path in tmp_path.glob("*.nbo"):
        path.write_bytes(path.read_bytes()[:100])
    assert compiled_kernels(tmp_path) == first
    assert compiled_kernels(tmp_path) == 0


def test_the_cache_can_be_switched_off(tmp_path):
    compiled_kernels(tmp_path, NUMBATORCH_CACHE="0")
    assert not list(tmp_path.glob("*.nbo"))


def test_a_cache_that_cannot_be_written_is_done_without(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    assert compiled_kernels(blocked / "below") > 0


def test_importing_compiles_nothing(tmp_path):
    program = """
    import numbatorch
    from numbatorch import cpu_target
    assert cpu_target.specialise.cache_info().currsize == 0
    print(0)
    """
    compiled_kernels(tmp_path, program)
    assert not list(tmp_path.glob("*.nbo"))


def test_the_digest_follows_the_formulas_in_other_files(monkeypatch):
    from numbatorch.cpu_kernels import elementwise
    from numbatorch.formulas import arithmetic

    reached = kernel_cache._reachable_modules("numbatorch.cpu_kernels.elementwise")
    assert {"numbatorch.cpu_kernels.native", "numbatorch.formulas.conversion"} <= reached

    kernel = elementwise._dense_kernel(arithmetic.add, *_float32(2), 0).function
    before = kernel_cache.source_digest(kernel)
    read = kernel_cache._module_text
    monkeypatch.setattr(
        kernel_cache,
        "_module_text",
        lambda name: read(name) + ("#" if name == "numbatorch.formulas.arithmetic" else ""),
    )
    assert kernel_cache.source_digest(kernel) != before


def test_the_digest_follows_numbers_imported_from_elsewhere(monkeypatch):
    from numbatorch.op.native_call import calls, keys

    before = kernel_cache.source_digest(calls.call)
    kernel_cache._constants.cache_clear()
    monkeypatch.setattr(keys, "PROBES", keys.PROBES + 1)
    assert kernel_cache.source_digest(calls.call) != before
    kernel_cache._constants.cache_clear()


def _float32(count):
    from numbatorch import dtypes

    return dtypes.float32, (dtypes.float32,) * count


def test_settings_are_read_from_the_environment(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    assert config.initial_thread_count() == 7
    monkeypatch.setenv("NUMBATORCH_NUM_THREADS", "3")
    assert config.initial_thread_count() == 3


def test_kernels_from_one_factory_keep_apart_in_the_disk_cache(tmp_path):
    """Two processes compile one each, a third one loads both."""
    program = textwrap.dedent(
        """
        import sys
        from numba import types
        from numbatorch import cpu_target
        from numbatorch.cpu_kernels import indexing

        for upper in sys.argv[1:]:
            kernel = cpu_target.specialise(indexing.triangle_rows, types.int64, 8, upper == "upper")
            print(kernel.machine_code.symbol)
        """
    )
    environment = {**os.environ, "NUMBATORCH_CACHE_DIR": str(tmp_path), "NUMBATORCH_CACHE": "1"}

    def run(*arguments):
        command = [sys.executable, "-c", program, *arguments]
        result = subprocess.run(
            command, env=environment, capture_output=True, text=True, check=True,
            cwd=os.path.dirname(os.path.dirname(os.path.abspath(__file__))),
        )  # fmt: skip
        return result.stdout.split()

    names = run("upper") + run("lower")
    assert len(set(names)) == 2
    assert run("upper", "lower") == names  # loaded, not compiled again
