"""The maxima of two by two elements that lie side by side, a vector of them at a time."""

from functools import cache

from numba.extending import intrinsic

from .vectors import NAME, WORD, outlined, vector_bytes


@cache
def halved_row(element):
    """halve(count, above, below, out, places, position, width): a row of maxima and their places.

    Maximum i is over elements 2 i and 2 i + 1 of the rows at `above` and `below`, which are
    `position` and `position + width` in their plane. A later NaN replaces an earlier maximum; among
    equals the first one counts.
    """
    name = f"halved_row_{NAME[element]}_{vector_bytes()}"

    def emit(at, count, above, below, out, places, position, width):
        builder, lanes, step = at.builder, at.lanes, vector_bytes()
        turns = builder.sdiv(builder.add(count, WORD(lanes - 1)), WORD(lanes))
        numbers, limit = at.count_up(), at.spread(builder.sitofp(count, at.element))
        twice = at.add(limit, limit)

        def pairs(pointer, first):
            """Elements at even and at odd places."""
            second = at.add(first, at.number(float(lanes)))
            halves = [
                at.load_below(first, twice, pointer),
                at.load_below(second, twice, at.at(pointer, step)),
            ]
            return [at.mix(*halves, [2 * i + odd for i in range(lanes)]) for odd in range(2)]

        def body(pointers, values):
            (numbers,) = values
            first = at.add(numbers, numbers)
            first = at.subtract(first, at.count_up())  # the turn's first element, and on from there
            best, offsets = None, None
            for row, pointer in enumerate(pointers[:2]):
                for odd, value in enumerate(pairs(pointer, first)):
                    here = at.place_numbers(position, numbers, width if row else None, odd)
                    if best is None:
                        best, offsets = value, here
                    else:
                        larger = at.is_larger(value, best)
                        best = at.choose(larger, value, best)
                        offsets = at.choose(larger, here, offsets)
            at.store_below(numbers, limit, best, pointers[2])
            at.store_below(numbers, limit, offsets, pointers[3])
            return [at.add(numbers, at.number(float(lanes)))]

        pointers = [at.pointer(address) for address in (above, below, out, places)]
        at.repeat(turns, pointers, [2 * step, 2 * step, step, 8 * lanes], [numbers], body)

    generated = outlined(name, element, 7, emit)

    def halve(typing_context, count, above, below, out, places, position, width):
        return generated

    halve.__name__ = halve.__qualname__ = name
    return intrinsic(halve)
