"""One formula for every item of a batch, such as a matrix or a line: a thread takes an item.

The formula is given runs of memory: its item's part of each batched array, all of each shared one;
then integers.
"""

from numba.extending import register_jitable

from .. import shapes
from ..cuda_target import cuda, specialise
from .native import flat


def runs_of(count):
    """A function that gives the runs of memory of an item as a tuple."""
    if not count:

        @register_jitable
        def no_runs(arrays, lengths, steps, item):
            return ()

        return no_runs

    before, last = runs_of(count - 1), count - 1

    @register_jitable
    def runs(arrays, lengths, steps, item):
        start = item * steps[last]
        return (
            *before(arrays, lengths, steps, item), arrays[last][start : start + lengths[last]],
        )  # fmt: skip

    return runs


def each(formula, count):
    """A grid-stride loop over the items of the batch."""
    runs = runs_of(count)

    def batched_kernel(arrays, lengths, steps, sizes, items):
        for item in range(cuda.grid(1), items, cuda.gridsize(1)):
            formula(*runs(arrays, lengths, steps, item), *sizes)

    return batched_kernel


def apply(formula, items, arrays, sizes, shared=(), work=1):
    """formula(part of every array, all of every shared array, sizes) for each of `items` items.

    All arrays are dense. `work` is how many steps an item takes, about.
    """
    if items == 0:
        return
    lengths = [shapes.numel(x.shape) // items for x in arrays]
    steps = [*lengths, *[0] * len(shared)]
    lengths += [shapes.numel(x.shape) for x in shared]
    operands = tuple([flat(x) for x in (*arrays, *shared)])
    kernel = specialise(each, formula, len(operands))
    kernel(items, operands, tuple(lengths), tuple(steps), tuple(sizes), items)
