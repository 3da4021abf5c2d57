"""The program of a captured step: what it computes, in which memory, by which kernel launches.

A program is a list of instructions in the order in which eager mode ran them. An instruction reads
and writes regions of buffers; views and in-place changes are nothing but regions of one buffer, so
no pass has to know them. What runs is a list of kernel launches, recorded from eager mode or, where
a pass fused instructions, made from generated source.
"""

from .. import shapes

#: What a buffer's memory is.
OUTSIDE = "outside"  # a tensor's that was there before the step: a parameter, an argument
CONSTANT = "constant"  # written once, by the host
TEMPORARY = "temporary"  # the program's own, planned into one arena
RESULT = "result"  # of a tensor that the step hands out: fresh for each call
GRADIENT = "gradient"  # of a leaf's gradient after the step
SAVED = "saved"  # kept from a forward pass for its backward pass


class Buffer:
    """A run of bytes; `origin` is the storage of a constant or an outside buffer."""

    __slots__ = ("name", "kind", "nbytes", "origin")

    def __init__(self, kind, nbytes, origin=None):
        self.name = ""
        self.kind = kind
        self.nbytes = nbytes
        self.origin = origin

    def __repr__(self):
        return self.name or f"<{self.kind} buffer of {self.nbytes} bytes>"


class Region:
    """Elements of a buffer: how an Array sees it."""

    __slots__ = ("buffer", "dtype", "shape", "strides", "offset")

    def __init__(self, buffer, dtype, shape, strides, offset):
        self.buffer = buffer
        self.dtype = dtype
        self.shape = shape
        self.strides = strides
        self.offset = offset

    def lies_like(self, other):
        """Whether both are all of their buffers, element for element at the same place."""
        return (
            self.dtype.itemsize == other.dtype.itemsize
            and self.strides == other.strides
            and self.shape == other.shape
            and self.offset == other.offset == 0
            and self.buffer.nbytes == other.buffer.nbytes
            and shapes.numel(self.shape) * self.dtype.itemsize == self.buffer.nbytes
        )

    def moved(self, replaced):
        """The same elements of the buffer that replaces this one's, if one does."""
        if self.buffer not in replaced:
            return self
        return Region(replaced[self.buffer], self.dtype, self.shape, self.strides, self.offset)

    @property
    def key(self):
        """Equal for regions of the same elements."""
        return self.buffer, self.dtype, self.shape, self.strides, self.offset

    @property
    def byte_offset(self):
        return self.offset * self.dtype.itemsize

    def __repr__(self):
        sizes = "x".join(map(str, self.shape)) or "scalar"
        return f"{self.buffer}[{self.dtype.name} {sizes}]"


class Launch:
    """One kernel launch. `places` says which of the integers are addresses: slot -> (buffer, byte)."""

    __slots__ = ("kernel", "items", "grain", "integers", "reals", "places", "table")

    def __init__(self, kernel, items, grain, integers, reals, places=None):
        self.kernel = kernel
        self.items = items
        self.grain = grain
        self.integers = list(integers)
        self.reals = list(reals)
        self.places = places or {}
        #: The Table that the kernel walks, if it does.
        self.table = None

    @property
    def buffers(self):
        places = [*self.places.values(), *(self.table.places.values() if self.table else ())]
        return {buffer for buffer, _ in places}


class Table:
    """A table of parameters for an optimizer's kernel: counts, addresses, then coefficients.

    `places` says which of the words are addresses: (row, column) -> (buffer, byte).
    """

    def __init__(self, table, columns):
        self.address = table.ctypes.data
        self.words = table.copy()
        self.columns = columns
        self.places = {}


class Elementwise:
    """What an instruction computes where it is out[...] = formula(*operands, *parameters)."""

    __slots__ = ("formula", "out", "operands", "parameters")

    def __init__(self, formula, out, operands, parameters):
        self.formula = formula
        self.out = out
        self.operands = operands
        self.parameters = tuple(parameters)


class Instruction:
    """Some launches that belong together, usually those of one op.

    `reads` and `writes` are the buffers that it may read and change. One with an `effect` must run
    even where nobody reads what it writes. `flag` is the place of a word, (buffer, byte) or
    (None, address), that it leaves nonzero where its input is bad.
    """

    def __init__(self, name, launches, inputs, outputs, reads, writes):
        self.name = name
        self.launches = launches
        self.inputs = inputs
        self.outputs = outputs
        self.reads = set(reads)
        self.writes = set(writes)
        self.effect = False
        self.elementwise = None
        self.flag = None
        #: (op, region or None of each input, parameters) of the op call that it was recorded from.
        self.call = None
        #: The generated source of a fused instruction.
        self.source = None
        #: (input, output) regions of a fused instruction; see `overwritable`.
        self.pairs = []

    def replace(self, replaced):
        """Use other buffers: {old: new}."""
        if replaced.keys().isdisjoint(self.reads | self.writes):
            return

        def new(region):
            return None if region is None else region.moved(replaced)

        self.inputs = [new(region) for region in self.inputs]
        self.outputs = [new(region) for region in self.outputs]
        self.reads = {replaced.get(buffer, buffer) for buffer in self.reads}
        self.writes = {replaced.get(buffer, buffer) for buffer in self.writes}
        if self.call is not None:
            op, given, params = self.call
            self.call = op, [new(x) for x in given], params
        if self.elementwise is not None:
            self.elementwise.out = new(self.elementwise.out)
            self.elementwise.operands = [new(x) for x in self.elementwise.operands]
        for launch in self.launches:
            for places in (launch.places, launch.table.places if launch.table else {}):
                for slot, (buffer, offset) in places.items():
                    places[slot] = replaced.get(buffer, buffer), offset

    @property
    def overwritable(self):
        """(input, output) regions that may be the same memory: element by element, the output is
        computed from the input, and the input is read first."""
        found = self.elementwise
        pairs = self.pairs if found is None else [(x, found.out) for x in found.operands]
        return [(x, out) for x, out in pairs if x.lies_like(out)]

    def __repr__(self):
        outputs = ", ".join(map(repr, self.outputs))
        inputs = ", ".join(map(repr, self.inputs))
        return f"{outputs or 'nothing'} = {self.name}({inputs})"


class Program:
    """Instructions and the buffers they work on."""

    def __init__(self, instructions, buffers):
        self.instructions = instructions
        self.buffers = buffers
        #: (leaf, region) of every leaf whose gradient the program leaves in memory of its own.
        self.gradients = []
        self.name_buffers()

    def replace(self, replaced):
        """Let all instructions use other buffers: {old: new}."""
        for instruction in self.instructions:
            instruction.replace(replaced)

    def name_buffers(self):
        """Number the buffers of each kind."""
        letters = {
            OUTSIDE: "x",
            CONSTANT: "c",
            TEMPORARY: "t",
            RESULT: "r",
            GRADIENT: "g",
            SAVED: "s",
        }
        counts = dict.fromkeys(letters, 0)
        for buffer in self.buffers:
            buffer.name = f"{letters[buffer.kind]}{counts[buffer.kind]}"
            counts[buffer.kind] += 1

    def __str__(self):
        return "\n".join(map(repr, self.instructions))
