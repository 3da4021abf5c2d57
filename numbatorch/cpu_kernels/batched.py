"""One formula for every item of a batch, such as a matrix or a line.

The formula is given runs of memory: its item's part of each batched array, all of each shared one;
then integers.
"""

from numba.extending import register_jitable

from .. import cpu_target, recording, shapes
from .native import integer, span

#: Steps of work that are worth a thread of their own.
GRAIN = 16384


def runs_of(elements, first):
    """A function that gives the runs of memory of an item as a tuple, one for each element type."""
    if not elements:

        @register_jitable
        def no_runs(arguments, item):
            return ()

        return no_runs

    before = runs_of(elements[:-1], first)
    element, slot = elements[-1], first + 3 * (len(elements) - 1)

    @register_jitable
    def runs(arguments, item):
        address, count = integer(arguments, slot), integer(arguments, slot + 1)
        step = integer(arguments, slot + 2)
        return (*before(arguments, item), span(address + item * step, count, element))

    return runs


def integers_at(first, count):
    """A function that gives `count` slots from slot `first` on as a tuple."""
    if not count:

        @register_jitable
        def no_integers(arguments):
            return ()

        return no_integers

    before, slot = integers_at(first, count - 1), first + count - 1

    @register_jitable
    def integers(arguments):
        return (*before(arguments), integer(arguments, slot))

    return integers


def each(formula, elements, sizes_count):
    """A work item is one item of the batch. Slots: address, elements and bytes to the next item of
    every array; the sizes."""
    runs, sizes = runs_of(elements, 0), integers_at(3 * len(elements), sizes_count)

    def batched_kernel(begin, end, arguments):
        for item in range(begin, end):
            formula(*runs(arguments, item), *sizes(arguments))

    return batched_kernel


def apply(formula, items, arrays, sizes, shared=(), work=1):
    """formula(part of every array, all of every shared array, sizes) for each of `items` items.

    All arrays are dense. `work` is how many steps an item takes, about.
    """
    if items == 0:
        return
    slots = []
    for x in arrays:
        count = shapes.numel(x.shape) // items
        slots += x.address, count, count * x.dtype.itemsize
    for x in shared:
        recording.note(x)
        slots += x.address, shapes.numel(x.shape), 0
    elements = tuple([x.dtype.numba for x in (*arrays, *shared)])
    kernel = cpu_target.specialise(each, formula, elements, len(sizes))
    kernel(items, max(1, GRAIN // max(work, 1)), *slots, *sizes)
