"""Runs: neighbouring elements of memory that a thread moves in one access of up to 16 bytes."""

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from ..cuda_target import SIMULATED
from ..formulas.typed import formula

#: Bytes, the most that a thread moves in one access.
ACCESS = 16


def run_length(element):
    """How many elements of a type a thread moves in one access; 1 of complex numbers."""
    if isinstance(element, types.Integer | types.Float):
        return ACCESS * 8 // element.bitwidth
    return 1


def run_mover(count, reads_aligned):
    """A function move(target, to, source, at) that copies `count` elements in one access.

    What lies in global or shared memory, the source (`reads_aligned`) or the target, does so at a
    multiple of the run's size; the other is an array of the thread's own, which the compiler puts
    into registers.
    """
    if count == 1:

        @formula
        def move_one(target, to, source, at):
            target[to] = source[at]

        return move_one
    return (_simulated_mover if SIMULATED else _vector_mover)(count, reads_aligned)


def _simulated_mover(count, reads_aligned):
    def move(target, to, source, at):
        memory, index = (source, at) if reads_aligned else (target, to)
        array = getattr(memory, "array", memory)
        place = array.ctypes.data + index * array.itemsize
        if place % (count * array.itemsize):
            raise IndexError(f"a kernel moves a run of {count} elements at {place}, misaligned")
        for k in range(count):
            target[to + k] = source[at + k]

    return move


def _vector_mover(count, reads_aligned):
    @intrinsic
    def move(typing_context, target, to, source, at):
        def generate(context, builder, signature, values):
            run = _Run(context, builder, context.get_data_type(source.dtype), count)

            def pointer(array_type, array, index):
                first = context.make_array(array_type)(context, builder, array).data
                return builder.gep(first, [index])

            to_place, from_place = pointer(target, *values[:2]), pointer(source, *values[2:])
            if reads_aligned:
                run.put_parts(to_place, run.load(from_place))
            else:
                run.store(to_place, run.parts_at(from_place))
            return context.get_dummy_value()

        return types.void(target, types.intp, source, types.intp), generate

    return move


class _Run:
    """Code that moves a run of elements as a vector of words of up to 32 bits, or of 64.

    An element is one part, or two if it is complex. Only single parts touch the thread's own array,
    so that it lies in registers; they are cut from the words and joined to words there.
    """

    def __init__(self, context, builder, element, count):
        pieces = getattr(element, "elements", (element,))
        self.builder, self.part = builder, pieces[0]
        self.count = count * len(pieces)
        bits = 8 * context.get_abi_sizeof(self.part)
        self.bits, self.size = ir.IntType(bits), bits * self.count // 8
        self.word = ir.IntType(max(bits, min(32, bits * self.count)))
        self.words = bits * self.count // self.word.width
        self.vector = ir.VectorType(self.word, self.words)

    def _places(self):
        """(number of a part, number of its word, its first bit there)"""
        for n in range(self.count):
            yield n, *divmod(n * self.bits.width, self.word.width)

    def load(self, place):
        """The parts of a run that lies at a multiple of its size."""
        builder = self.builder
        vector = builder.load(builder.bitcast(place, self.vector.as_pointer()), align=self.size)
        parts = []
        for _, number, shift in self._places():
            word = builder.extract_element(vector, ir.Constant(ir.IntType(32), number))
            if self.word != self.bits:
                word = builder.lshr(word, ir.Constant(self.word, shift))
                word = builder.trunc(word, self.bits)
            parts.append(builder.bitcast(word, self.part))
        return parts

    def store(self, place, parts):
        """Write parts as a run that lies at a multiple of its size."""
        builder = self.builder
        words = [None] * self.words
        for n, number, shift in self._places():
            word = builder.bitcast(parts[n], self.bits)
            if self.word != self.bits:
                word = builder.zext(word, self.word)
                word = builder.shl(word, ir.Constant(self.word, shift))
            words[number] = word if words[number] is None else builder.or_(words[number], word)
        vector = ir.Constant(self.vector, ir.Undefined)
        for number, word in enumerate(words):
            vector = builder.insert_element(vector, word, ir.Constant(ir.IntType(32), number))
        builder.store(vector, builder.bitcast(place, self.vector.as_pointer()), align=self.size)

    def _part_places(self, place):
        first = self.builder.bitcast(place, self.part.as_pointer())
        for n in range(self.count):
            yield self.builder.gep(first, [ir.Constant(ir.IntType(32), n)])

    def parts_at(self, place):
        """The parts of a run in the thread's own array."""
        return [self.builder.load(part) for part in self._part_places(place)]

    def put_parts(self, place, parts):
        """Write parts into the thread's own array."""
        for part, value in zip(self._part_places(place), parts):
            self.builder.store(value, part)
