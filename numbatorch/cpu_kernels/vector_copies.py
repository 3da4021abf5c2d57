"""Copies by whole vectors: squares transposed, rows padded, runs cut into strips."""

from functools import cache

from numba.extending import intrinsic

from .vectors import NAME, WORD, lanes, outlined, vector_bytes


@cache
def transpose_tile(element):
    """A square of as many rows as a vector has lanes, transposed: row i lies at x + i * x_row."""
    count = lanes(element)
    name = f"transpose_tile_{NAME[element]}_{count}"

    def emit(at, x, x_row, out, out_row):
        builder = at.builder
        x, out = at.pointer(x), at.pointer(out)
        rows = [at.load(at.at(x, builder.mul(x_row, WORD(i)))) for i in range(count)]
        block = 1
        while block < count:  # swap the off-diagonal squares of each 2 x 2 arrangement of blocks
            upper = [i if i & block == 0 else count + i - block for i in range(count)]
            lower = [i + block if i & block == 0 else count + i for i in range(count)]
            for i in range(count):
                if i & block == 0:
                    pair = rows[i], rows[i + block]
                    rows[i], rows[i + block] = at.mix(*pair, upper), at.mix(*pair, lower)
            block *= 2
        for i in range(count):
            at.store(rows[i], at.at(out, builder.mul(out_row, WORD(i))))

    generated = outlined(name, element, 4, emit)

    def tile(typing_context, x, x_row, out, out_row):
        return generated

    tile.__name__ = tile.__qualname__ = name
    return intrinsic(tile)


@cache
def vector_copy(element):
    """copy(count, x, x_step, out, out_step): `count` (one or more) vectors of elements."""
    name = f"vector_copy_{NAME[element]}_{vector_bytes()}"

    def emit(at, count, x, x_step, out, out_step):
        def body(pointers, values):
            at.store(at.load(pointers[0]), pointers[1])
            return []

        at.repeat(count, [at.pointer(x), at.pointer(out)], [x_step, out_step], [], body)

    generated = outlined(name, element, 5, emit)

    def copy(typing_context, count, x, x_step, out, out_step):
        return generated

    copy.__name__ = copy.__qualname__ = name
    return intrinsic(copy)


@cache
def padded_copy(element):
    """copy(count, total, x, out): `count` elements of a row, of which none beyond is read, then zeros.

    Whole vectors are written until there are `total` (one or more) elements.
    """
    name = f"padded_copy_{NAME[element]}_{vector_bytes()}"

    def emit(at, count, total, x, out):
        builder, step = at.builder, WORD(vector_bytes())
        turns = builder.sdiv(builder.add(total, WORD(at.lanes - 1)), WORD(at.lanes))
        numbers, limit = at.count_up(), at.spread(builder.sitofp(count, at.element))

        def body(pointers, values):
            at.store(at.load_below(values[0], limit, pointers[0]), pointers[1])
            return [at.add(values[0], at.number(float(at.lanes)))]

        at.repeat(turns, [at.pointer(x), at.pointer(out)], [step, step], [numbers], body)

    generated = outlined(name, element, 4, emit)

    def copy(typing_context, count, total, x, out):
        return generated

    copy.__name__ = copy.__qualname__ = name
    return intrinsic(copy)


@cache
def strip_copy(element, length, strips=1):
    """copy(count, x, x_step, out, out_step, strip_step): `count` (one or more) runs of elements.

    A run of x has strips * length elements; its strips go to out, out + strip_step and so on.
    """
    name = f"strip_copy_{NAME[element]}_{strips}x{length}"

    def emit(at, count, x, x_step, out, out_step, strip_step):
        builder = at.builder

        def body(pointers, values):
            found = at.load_run(strips * length, pointers[0])
            for i in range(strips):
                part = at.mix(found, found, list(range(i * length, (i + 1) * length)))
                at.store(part, pointers[1 + i])
            return []

        places = [
            at.pointer(builder.add(out, builder.mul(strip_step, WORD(i)))) for i in range(strips)
        ]
        at.repeat(count, [at.pointer(x), *places], [x_step] + [out_step] * strips, [], body)

    generated = outlined(name, element, 6, emit)

    def copy(typing_context, count, x, x_step, out, out_step, strip_step):
        return generated

    copy.__name__ = copy.__qualname__ = name
    return intrinsic(copy)
