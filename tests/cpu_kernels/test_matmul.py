import numpy as np
import pytest

from numbatorch import cpu_target, dtypes
from numbatorch.array import Array, initialise, over_numpy
from numbatorch.cpu_kernels.matmul import matmul

RNG = np.random.default_rng(0)
TILE_EDGES = [1, 2, 5, 6, 7, 13, 16, 31, 32, 33, 65]


def as_array(x):
    return initialise(Array(), *over_numpy(x))


def random(shape, dtype):
    dtype = np.dtype(dtype)
    if dtype.kind in "iu":
        return RNG.integers(0, 50, shape).astype(dtype)
    x = RNG.standard_normal(shape)
    if dtype.kind == "c":
        x = x + 1j * RNG.standard_normal(shape)
    return x.astype(dtype)


def product(a, b, start=None, out=None):
    """Run the kernel and return its result."""
    if out is None:
        out = np.full(
            np.broadcast_shapes(a.shape[:-2], b.shape[:-2]) + (a.shape[-2], b.shape[-1]), 77
        )
        out = out.astype(a.dtype)
    matmul(as_array(out), as_array(a), as_array(b), None if start is None else as_array(start))
    return out


def close(actual, expected, depth):
    tolerance = np.finfo(actual.dtype).eps * 4 * (depth + 4) if actual.dtype.kind in "fc" else 0
    np.testing.assert_allclose(actual, expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("transposed", range(8))
def test_every_border_and_layout(dtype, transposed):
    for case in range(40):
        rows, columns = RNG.choice(TILE_EDGES, 2)
        depth = RNG.choice([1, 2, 15, 16, 17, 40, 256, 257, 300])
        a = random((depth, rows), dtype).T if transposed & 1 else random((rows, depth), dtype)
        b = random((columns, depth), dtype).T if transposed & 2 else random((depth, columns), dtype)
        out = (
            np.full((columns, rows), 7, dtype).T
            if transposed & 4
            else np.full((rows, columns), 7, dtype)
        )
        start = random((rows, columns), dtype) if case % 2 else None
        expected = a.astype("float64") @ b + (0 if start is None else start)
        close(product(a, b, start, out), expected, depth)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("layout", ["columns", "pages apart", "rows"])
def test_blocks_that_are_copied_or_packed_first(layout, dtype):
    """Large enough for several blocks of rows, whose copies end in cut-off tiles."""
    for rows, columns, depth in ((307, 203, 260), (129, 517, 513), (131, 70, 600)):
        a = random((rows, depth), dtype)
        if layout == "columns":
            a = np.asfortranarray(a)
        if layout == "pages apart":
            page = 4096 // a.itemsize
            wide = np.zeros((rows, -(-depth // page) * page), dtype)
            wide[:, :depth] = a
            a = wide[:, :depth]
        for b in (random((depth, columns), dtype), random((columns, depth), dtype).T):
            start = random((columns,), dtype)
            close(product(a, b, start), a.astype("float64") @ b + start, depth)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_strided_operands_and_writes_nothing_else(dtype):
    whole = np.full((80, 120), 7, dtype)
    out = whole[3:40:2, 5:100:3]
    a, b = random((38, 60), dtype)[::2, ::3], random((40, 64), dtype)[::2, ::2]
    product(a, b, out=out)
    close(out, a.astype("float64") @ b, 20)
    untouched = np.ones_like(whole, bool)
    untouched[3:40:2, 5:100:3] = False
    assert (whole[untouched] == 7).all()


@pytest.mark.parametrize(
    "dtype", ["uint8", "int8", "int16", "int32", "int64", "complex64", "complex128"]
)
def test_portable_dtypes(dtype):
    a, b = random((3, 7, 5), dtype), random((3, 5, 4), dtype)
    close(product(a, b), a @ b, 5)
    start = random((7, 4), dtype)
    close(product(a, b, start), start + a @ b, 5)


@pytest.mark.parametrize("dtype", [dtypes.float16, dtypes.bfloat16])
def test_half_is_computed_in_float32(dtype):
    a, b = (
        random((5, 300), "float32").astype(dtype.numpy),
        random((300, 9), "float32").astype(dtype.numpy),
    )
    out = np.zeros((5, 9), dtype.numpy)
    product(a, b, out=out)
    expected = a.astype("float64") @ b.astype("float64")
    error = np.abs(out.astype("float64") - expected)
    assert (error <= float(dtypes.finfo(dtype).eps) * np.abs(expected) + 1e-4).all()


@pytest.mark.parametrize(
    "batch_a, batch_b", [((3,), (3,)), ((), (4,)), ((2, 1), (1, 3)), ((2, 3), (3,))]
)
@pytest.mark.parametrize("dtype", ["float32", "int32"])
def test_batches_broadcast(batch_a, batch_b, dtype):
    a, b = random((*batch_a, 9, 11), dtype), random((*batch_b, 11, 35), dtype)
    close(product(a, b), np.matmul(a.astype("float64"), b), 11)


def test_expanded_operand():
    a = np.broadcast_to(random((1, 6), "float32"), (9, 6))
    b = random((6, 33), "float32")
    close(product(a, b), a.astype("float64") @ b, 6)


@pytest.mark.parametrize("dtype", ["float32", "int64"])
def test_empty(dtype):
    assert (product(np.ones((3, 0), dtype), np.ones((0, 4), dtype)) == 0).all()
    start = random((3, 4), dtype)
    assert (product(np.ones((3, 0), dtype), np.ones((0, 4), dtype), start) == start).all()
    for shape in [((0, 3), (3, 4)), ((2, 3), (3, 0)), ((0, 2, 3), (0, 3, 4))]:
        product(*[np.ones(s, dtype) for s in shape])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "rows, columns", [(1, 1), (1, 7), (3, 10), (2, 3), (9, 1), (20, 2), (4, 4)]
)
def test_few_rows_or_columns(rows, columns, dtype):
    for depth in (31, 32, 33, 100, 257):
        for batch in ((), (3,)):
            a = random((*batch, rows, depth), dtype)
            b = random((*batch, columns, depth), dtype).swapaxes(-1, -2)
            start = random((rows, columns), dtype)
            expected = a.astype("float64") @ b
            close(product(a, b), expected, depth)
            close(product(a, b, start), expected + start, depth)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_accumulates_into_out_and_reads_a_bias(dtype):
    a, b = random((50, 300), dtype), random((300, 70), dtype)
    out = random((50, 70), dtype)
    expected = out + a.astype("float64") @ b
    close(product(a, b, start=out, out=out), expected, 300)
    for bias in (random(70, dtype), random((50, 1), dtype), random((), dtype)):
        close(product(a, b, start=bias), bias + a.astype("float64") @ b, 300)


def test_threads_do_not_change_the_result():
    a, b = random((130, 700), "float32"), random((700, 200), "float32")
    threads = cpu_target.get_num_threads()
    results = []
    try:
        for count in (1, 2):
            cpu_target.set_num_threads(count)
            results.append(product(a, b))
    finally:
        cpu_target.set_num_threads(threads)
    assert (results[0] == results[1]).all()
