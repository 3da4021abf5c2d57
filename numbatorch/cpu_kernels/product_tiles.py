"""Register tiles of products: rows of vectors, gathered rows, and dot products."""

from functools import cache

from llvmlite import ir
from numba.extending import intrinsic

from .vectors import NAME, WORD, outlined, vector_bytes


def _rows_up_to(at, rows, count):
    """Row numbers 0 .. rows - 1 of a tile, of which those from `count` on repeat row count - 1."""
    builder = at.builder
    last = builder.sub(count, WORD(1))
    places = [WORD(0)]
    for i in range(1, rows):
        inside = builder.icmp_signed("<", WORD(i), count)
        places.append(builder.select(inside, WORD(i), last))
    return places


def _emit_product(at, rows, vectors, count, depth, operands, steps, read, start, c):
    """The body of a tile c = start + a @ b; read(pointers) gives (addresses of a's rows, b)."""
    builder = at.builder
    columns = [j * vector_bytes() for j in range(vectors)]
    places = _rows_up_to(at, rows, count)
    starts, outs = (
        [at.at(at.pointer(address), builder.mul(place, row)) for place in places]
        for address, row in (start, c)
    )
    sums = [at.load(at.at(row, column)) for row in starts for column in columns]

    def step(pointers, sums):
        lefts, right = read(pointers)
        right = [at.load(at.at(right, column)) for column in columns]
        results = []
        for i in range(rows):
            left = at.broadcast(lefts[i])
            for j in range(vectors):
                results.append(at.multiply_add(left, right[j], sums[i * vectors + j]))
        return results

    sums = at.repeat(depth, operands, steps, sums, step)
    for i in range(rows):
        for j in range(vectors):
            at.store(sums[i * vectors + j], at.at(outs[i], columns[j]))


@cache
def multiply_tile(element, rows, vectors):
    """c = start + a @ b on a register tile of `rows` x `vectors` vector registers.

    a[i, k] lies at a + i * a_row + k * a_step and b[k] is a row of vectors at b + k * b_step.
    Rows from `count` on repeat row count - 1, so that nothing beyond it is touched.
    """
    name = f"multiply_tile_{NAME[element]}_{rows}x{vectors}x{vector_bytes()}"

    def emit(at, depth, a, a_row, a_step, b, b_step, start, start_row, c, c_row, count):
        offsets = [at.builder.mul(place, a_row) for place in _rows_up_to(at, rows, count)]

        def read(pointers):
            return [at.at(pointers[0], offset) for offset in offsets], pointers[1]

        operands, steps = [at.pointer(a), at.pointer(b)], [a_step, b_step]
        start, c = (start, start_row), (c, c_row)
        _emit_product(at, rows, vectors, count, depth, operands, steps, read, start, c)

    generated = outlined(name, element, 11, emit)

    def tile(typing_context, depth, a, a_row, a_step, b, b_step, start, start_row, c, c_row, count):
        return generated

    tile.__name__ = tile.__qualname__ = name
    return intrinsic(tile)


@cache
def gather_tile(element, rows, vectors):
    """As multiply_tile, but step k reads a and b at the two offsets in row k of a table."""
    name = f"gather_tile_{NAME[element]}_{rows}x{vectors}x{vector_bytes()}"

    def emit(at, depth, a, a_row, b, table, start, start_row, c, c_row, count):
        builder = at.builder
        a_rows = [
            at.at(at.pointer(a), builder.mul(place, a_row))
            for place in _rows_up_to(at, rows, count)
        ]
        b = at.pointer(b)

        def read(pointers):
            pair = builder.bitcast(pointers[0], WORD.as_pointer())
            a_offset = builder.load(pair)
            b_offset = builder.load(builder.gep(pair, [WORD(1)]))
            return [at.at(row, a_offset) for row in a_rows], at.at(b, b_offset)

        start, c = (start, start_row), (c, c_row)
        _emit_product(at, rows, vectors, count, depth, [at.pointer(table)], [16], read, start, c)

    generated = outlined(name, element, 10, emit)

    def tile(typing_context, depth, a, a_row, b, table, start, start_row, c, c_row, count):
        return generated

    tile.__name__ = tile.__qualname__ = name
    return intrinsic(tile)


@cache
def dot_tile(element, rows, columns):
    """s[i, j] += sum over `count` vectors of a[i] * b[j]; both run along memory.

    Row i of a lies at a + i * a_row, row j of b at b + table[j], s[i, j] at s + i * s_row +
    j * (size of an element). Rows and columns beyond those that exist repeat the last one.
    """
    name = f"dot_tile_{NAME[element]}_{rows}x{columns}x{vector_bytes()}"

    def emit(at, count, a, a_row, b, table, s, s_row, row_count, column_count):
        builder = at.builder
        i_places = _rows_up_to(at, rows, row_count)
        j_places = _rows_up_to(at, columns, column_count)
        a_rows = [at.at(at.pointer(a), builder.mul(place, a_row)) for place in i_places]
        words = builder.inttoptr(table, WORD.as_pointer())
        offsets = [builder.load(builder.gep(words, [place])) for place in j_places]
        b_rows = [at.at(at.pointer(b), offset) for offset in offsets]
        zero = ir.Constant(at.vector, [0.0] * at.lanes)

        def step(pointers, sums):
            lefts = [at.load(pointer) for pointer in pointers[:rows]]
            results = []
            for j in range(columns):
                right = at.load(pointers[rows + j])
                results += [
                    at.multiply_add(lefts[i], right, sums[j * rows + i]) for i in range(rows)
                ]
            return results

        pointers = a_rows + b_rows
        steps = [vector_bytes()] * len(pointers)
        sums = at.repeat(count, pointers, steps, [zero] * (rows * columns), step)
        places, totals = [], []
        for j in range(columns):
            for i in range(rows):
                offset = builder.mul(i_places[i], s_row)
                offset = builder.add(offset, builder.mul(j_places[j], WORD(at.size)))
                place = at.at(at.pointer(s), offset)
                place = builder.bitcast(place, at.element.as_pointer())
                places.append(place)
                totals.append(builder.fadd(builder.load(place), at.total(sums[j * rows + i])))
        for place, total in zip(places, totals):  # after all loads: repeated places agree
            builder.store(total, place)

    generated = outlined(name, element, 9, emit)

    def tile(typing_context, count, a, a_row, b, table, s, s_row, row_count, column_count):
        return generated

    tile.__name__ = tile.__qualname__ = name
    return intrinsic(tile)


@cache
def lanewise_dot_tile(element, rows, columns):
    """s[i, j] += a[i] * b[j], lane by lane, over `count` vectors; both run along memory.

    Row i of a lies at a + i * a_row, row j of b at b + table[j], the vector s[i, j] at s + i * s_row +
    j vectors. Rows and columns beyond those that exist repeat the last one.
    """
    name = f"lanewise_dot_tile_{NAME[element]}_{rows}x{columns}x{vector_bytes()}"

    def emit(at, count, a, a_row, b, table, s, s_row, row_count, column_count):
        builder, step = at.builder, vector_bytes()
        i_places = _rows_up_to(at, rows, row_count)
        j_places = _rows_up_to(at, columns, column_count)
        a_rows = [at.at(at.pointer(a), builder.mul(place, a_row)) for place in i_places]
        words = builder.inttoptr(table, WORD.as_pointer())
        offsets = [builder.load(builder.gep(words, [place])) for place in j_places]
        b_rows = [at.at(at.pointer(b), offset) for offset in offsets]
        places = []
        for j in j_places:
            for i in i_places:
                offset = builder.add(builder.mul(i, s_row), builder.mul(j, WORD(step)))
                places.append(at.at(at.pointer(s), offset))

        def multiply_add(pointers, sums):
            lefts = [at.load(pointer) for pointer in pointers[:rows]]
            results = []
            for j in range(columns):
                right = at.load(pointers[rows + j])
                results += [
                    at.multiply_add(lefts[i], right, sums[j * rows + i]) for i in range(rows)
                ]
            return results

        pointers = a_rows + b_rows
        sums = [at.load(place) for place in places]
        sums = at.repeat(count, pointers, [step] * len(pointers), sums, multiply_add)
        for place, total in zip(places, sums):  # repeated places agree
            at.store(total, place)

    generated = outlined(name, element, 9, emit)

    def tile(typing_context, count, a, a_row, b, table, s, s_row, row_count, column_count):
        return generated

    tile.__name__ = tile.__qualname__ = name
    return intrinsic(tile)


@cache
def vector_totals(element):
    """out[i] = the sum of the lanes of vector i of `vectors`, for `count` (one or more) of them."""
    name = f"vector_totals_{NAME[element]}_{vector_bytes()}"

    def emit(at, count, vectors, out):
        def total(pointers, _):
            place = at.builder.bitcast(pointers[1], at.element.as_pointer())
            at.builder.store(at.total(at.load(pointers[0])), place)
            return []

        steps = [vector_bytes(), at.size]
        at.repeat(count, [at.pointer(vectors), at.pointer(out)], steps, [], total)

    generated = outlined(name, element, 3, emit)

    def totals(typing_context, count, vectors, out):
        return generated

    totals.__name__ = totals.__qualname__ = name
    return intrinsic(totals)
