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
        return self.load_run(self.lanes, pointer)

    def load_run(self, count, pointer):
        """A vector of any number of elements, which may fill several registers."""
        run = ir.VectorType(self.element, count)
        value = self.builder.load(self.builder.bitcast(pointer, run.as_pointer()))
        value.align = self.size
        return value

    def store(self, value, pointer):
        """Store a vector of any number of elements."""
        place = self.builder.bitcast(pointer, value.type.as_pointer())
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
