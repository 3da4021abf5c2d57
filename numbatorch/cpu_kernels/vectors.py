"""Explicit vector code for the few loops that LLVM does not vectorise well by itself.

Each builder here makes an intrinsic whose body is emitted once per module as a function of its own,
which keeps compilation short however often a kernel calls it. All addresses and strides are in
bytes, as int64. Vector width and tile shape follow the CPU that Numba compiles for.
"""

from functools import cache

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.registry import cpu_target
from numba.extending import intrinsic

WORD = ir.IntType(64)
_BYTES = ir.IntType(8).as_pointer()
_LLVM = {types.float32: ir.FloatType(), types.float64: ir.DoubleType()}
NAME = {types.float32: "f32", types.float64: "f64"}


@cache
def _features():
    return cpu_target.target_context.codegen().magic_tuple()[2]


@cache
def vector_bytes():
    """Width of the CPU's vector registers: AVX-512, AVX, else 128 bits (SSE, NEON)."""
    features = _features()
    if "+avx512f" in features:
        return 64
    return 32 if "+avx" in features else 16


def lanes(element):
    """Elements of type `element` in a vector register."""
    return vector_bytes() // (element.bitwidth // 8)


class Emitter:
    """Emits the instructions that the tiles below have in common."""

    def __init__(self, builder, element):
        self.builder = builder
        self.element = _LLVM[element]
        self.name = NAME[element]
        self.size = element.bitwidth // 8
        self.lanes = lanes(element)
        self.vector = ir.VectorType(self.element, self.lanes)
        # fmuladd is fused only where the CPU can: fma would call a library on the others
        name = f"llvm.fmuladd.v{self.lanes}{self.name}"
        signature = ir.FunctionType(self.vector, [self.vector] * 3)
        self._multiply_add = cgutils.get_or_insert_function(builder.module, signature, name)

    def pointer(self, address):
        return self.builder.inttoptr(address, _BYTES)

    def at(self, pointer, offset):
        offset = WORD(offset) if isinstance(offset, int) else offset
        return self.builder.gep(pointer, [offset])

    def load(self, pointer):
        value = self.builder.load(self.builder.bitcast(pointer, self.vector.as_pointer()))
        value.align = self.size
        return value

    def store(self, value, pointer):
        place = self.builder.bitcast(pointer, self.vector.as_pointer())
        self.builder.store(value, place).align = self.size

    def broadcast(self, pointer):
        scalar = self.builder.load(self.builder.bitcast(pointer, self.element.as_pointer()))
        scalar.align = self.size
        return self.spread(scalar)

    def spread(self, scalar):
        """A vector of one number, which is a scalar of the program."""
        undefined = ir.Constant(self.vector, ir.Undefined)
        one = self.builder.insert_element(undefined, scalar, ir.IntType(32)(0))
        zeros = ir.Constant(ir.VectorType(ir.IntType(32), self.lanes), [0] * self.lanes)
        return self.builder.shuffle_vector(one, undefined, zeros)

    def count_up(self):
        """The number of each lane."""
        return ir.Constant(self.vector, [float(i) for i in range(self.lanes)])

    def load_below(self, numbers, limit, pointer):
        """The lanes whose number is below the limit, zeros in the others, whose memory is not read."""
        mask = self.builder.fcmp_ordered("<", numbers, limit)
        place = self.builder.bitcast(pointer, self.vector.as_pointer())
        alignment = ir.IntType(32)(self.size)
        return self._masked("load", self.vector, [place, alignment, mask, self.number(0.0)])

    def store_below(self, numbers, limit, value, pointer):
        """Store the lanes whose number is below the limit."""
        mask = self.builder.fcmp_ordered("<", numbers, limit)
        place = self.builder.bitcast(pointer, value.type.as_pointer())
        self._masked("store", value.type, [value, place, ir.IntType(32)(self.size), mask])

    def _masked(self, what, kind, arguments):
        name = "i64" if kind.element == WORD else self.name
        result = kind if what == "load" else ir.VoidType()
        function = cgutils.get_or_insert_function(
            self.builder.module,
            ir.FunctionType(result, [argument.type for argument in arguments]),
            f"llvm.masked.{what}.v{self.lanes}{name}.p0",
        )
        return self.builder.call(function, arguments)

    def is_larger(self, x, y):
        """Where x is larger than y, or a NaN."""
        larger = self.builder.fcmp_ordered(">", x, y)
        return self.builder.or_(larger, self.builder.fcmp_unordered("uno", x, x))

    def choose(self, mask, x, y):
        """Lanes of x where `mask` holds, else of y."""
        return self.builder.select(mask, x, y)

    def place_numbers(self, first, numbers, more, odd):
        """first + 2 * numbers + odd (+ more, if that is not None), as a vector of int64."""
        first = self.builder.add(first, WORD(odd))
        if more is not None:
            first = self.builder.add(first, more)
        kind = ir.VectorType(WORD, self.lanes)
        undefined = ir.Constant(kind, ir.Undefined)
        one = self.builder.insert_element(undefined, first, ir.IntType(32)(0))
        zeros = ir.Constant(ir.VectorType(ir.IntType(32), self.lanes), [0] * self.lanes)
        firsts = self.builder.shuffle_vector(one, undefined, zeros)
        twice = self.builder.fptosi(self.add(numbers, numbers), kind)
        return self.builder.add(firsts, twice)

    def multiply_add(self, x, y, z):
        return self.builder.call(self._multiply_add, [x, y, z])

    def number(self, value):
        """A vector of one number."""
        return ir.Constant(self.vector, [value] * self.lanes)

    def add(self, x, y):
        return self.builder.fadd(x, y, flags=("contract",))

    def subtract(self, x, y):
        return self.builder.fsub(x, y, flags=("contract",))

    def times(self, factor, x, y=None):
        """factor * x + y for a number `factor`."""
        if y is None:
            return self.builder.fmul(self.number(factor), x, flags=("contract",))
        return self.multiply_add(self.number(factor), x, y)

    def load_fours(self, pointer, second=None):
        """Every fourth element from 0, 1, 2 and 3 on, of four registers' worth of memory.

        With `second`, half of the lanes come from there.
        """
        count = 4 * self.lanes if second is None else 2 * self.lanes
        wide = ir.VectorType(self.element, count).as_pointer()
        values = []
        for place in (pointer, pointer if second is None else second):
            values.append(self.builder.load(self.builder.bitcast(place, wide)))
            values[-1].align = self.size
        return [self.mix(*values, [k + 4 * i for i in range(self.lanes)]) for k in range(4)]

    def store_halves(self, value, first, second):
        """The lower half of the lanes at `first`, then the upper half at `second`."""
        half = self.lanes // 2
        for place, lanes_ in ((first, range(half)), (second, range(half, self.lanes))):
            part = self.mix(value, value, list(lanes_))
            place = self.builder.bitcast(place, part.type.as_pointer())
            self.builder.store(part, place).align = self.size

    def store_fours(self, vectors, pointer):
        """The inverse of load_fours."""
        count = self.lanes
        pairs = []
        for x, y in (vectors[:2], vectors[2:]):
            pairs.append(self.mix(x, y, [i + j * count for i in range(count) for j in range(2)]))
        order = [
            2 * i + j + h * 2 * count for i in range(count) for h in range(2) for j in range(2)
        ]
        value = self.mix(*pairs, order)
        place = self.builder.bitcast(pointer, value.type.as_pointer())
        self.builder.store(value, place).align = self.size

    def total(self, x):
        """The sum of the lanes, in a fixed order."""
        name = f"llvm.vector.reduce.fadd.v{self.lanes}{self.name}"
        signature = ir.FunctionType(self.element, [self.element, self.vector])
        function = cgutils.get_or_insert_function(self.builder.module, signature, name)
        return self.builder.call(function, [self.element(-0.0), x], fastmath=("reassoc",))

    def mix(self, x, y, places):
        """The lanes `places` of x followed by y."""
        mask = ir.Constant(ir.VectorType(ir.IntType(32), len(places)), places)
        return self.builder.shuffle_vector(x, y, mask)

    def repeat(self, count, pointers, steps, carried, body):
        """A loop: body(pointers, carried) -> carried, `count` (one or more) times.

        The pointers advance by `steps` each time; returns what the last turn carried.
        """
        builder = self.builder
        before = builder.block
        loop = builder.append_basic_block("loop")
        after = builder.append_basic_block("after")
        builder.branch(loop)
        builder.position_at_end(loop)
        turn = builder.phi(WORD)
        turn.add_incoming(WORD(0), before)
        here = [builder.phi(_BYTES) for _ in pointers]
        values = [builder.phi(self.vector) for _ in carried]
        for phi, start in zip(here + values, [*pointers, *carried]):
            phi.add_incoming(start, before)
        results = body(here, values)
        next_turn = builder.add(turn, WORD(1))
        turn.add_incoming(next_turn, loop)
        for phi, step in zip(here, steps):
            phi.add_incoming(self.at(phi, step), loop)
        for phi, result in zip(values, results):
            phi.add_incoming(result, loop)
        builder.cbranch(builder.icmp_signed("<", next_turn, count), loop, after)
        builder.position_at_end(after)
        return results


def outlined(name, element, count, emit):
    """What an intrinsic of `count` int64 arguments generates: a call of a function emitted once."""

    def generate(context, builder, signature, values):
        function = builder.module.globals.get(name)
        if function is None:
            function_type = ir.FunctionType(ir.VoidType(), [WORD] * count)
            function = ir.Function(builder.module, function_type, name)
            function.linkage = "internal"
            function.attributes.add("noinline")
            function.attributes.add("nounwind")
            inner = ir.IRBuilder(function.append_basic_block("entry"))
            emit(Emitter(inner, element), *function.args)
            inner.ret_void()
        builder.call(function, values)
        return context.get_dummy_value()

    return types.void(*[types.int64] * count), generate


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
def stack(nbytes):
    """`nbytes` of the calling function's stack, aligned for vectors, as an address."""

    def generate(context, builder, signature, values):
        with builder.goto_entry_block():  # so that a loop around the call does not grow the stack
            place = builder.alloca(ir.IntType(8), size=WORD(nbytes))
        place.align = 64
        return builder.ptrtoint(place, WORD)

    def scratch(typing_context):
        return types.int64(), generate

    scratch.__name__ = scratch.__qualname__ = f"stack_{nbytes}"
    return intrinsic(scratch)
