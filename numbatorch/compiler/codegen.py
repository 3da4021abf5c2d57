"""Generated kernels: the source of one loop that computes several elementwise instructions."""

import ast
import hashlib
import inspect
import linecache
import textwrap
from functools import cache
from itertools import chain

from .. import cpu_target, formulas, shapes
from ..cpu_kernels import native
from ..cpu_kernels.elementwise import GRAIN
from ..formulas import arithmetic, conversion
from ..kernel_cache import describe
from .program import Instruction, Launch

_NATIVE = {
    "integer": native.integer,
    "real": native.real,
    "read": native.read,
    "write": native.write,
}


def fused_instruction(members, stored):
    """One instruction that does what `members` do, and writes what those of `stored` make."""
    return _Loop(members, stored).instruction()


class _Loop:
    """The loop while it is being written.

    Slots of the kernel: the address of every operand in memory, then, for loops over rows, the
    width of a row and for each outer dimension its size and the operands' steps in bytes; then the
    parameters of the formulas.
    """

    def __init__(self, members, stored):
        self.members = members
        self.outputs = _last_writers(stored)
        self.names = {}
        self.formulas = {}
        self._trace()
        regions = [*self.inputs, *(member.elementwise.out for member in self.outputs)]
        shape = members[0].elementwise.out.shape
        strides = [shapes.broadcast_strides(r.shape, r.strides, shape) for r in regions]
        self.regions = regions
        order = shapes.memory_order(shape, [members[0].elementwise.out.strides])
        self.sizes, self.strides = shapes.collapse(*shapes.reordered(shape, strides, order))
        self.flat = len(self.sizes) == 1

    def _trace(self):
        """Find where each operand comes from: ("input", i) or ("value", i)."""
        self.inputs, self.operands = [], []
        values, inputs = {}, {}
        for number, member in enumerate(self.members):
            sources = []
            for region in member.elementwise.operands:
                if region.key in values:
                    sources.append(("value", values[region.key]))
                else:
                    if region.key not in inputs:
                        inputs[region.key] = len(self.inputs)
                        self.inputs.append(region)
                    sources.append(("input", inputs[region.key]))
            self.operands.append(sources)
            values[member.elementwise.out.key] = number

    # The source -----------------------------------------------------------------

    def _name(self, formula):
        """The name that the source calls a formula by."""
        known = self.formulas.get(formula)
        if known is None:
            known = getattr(formula, "__name__", "formula")
            if known in self.names:
                known = f"{known}_{len(self.names)}"
            self.formulas[formula] = known
            self.names[known] = formula
        return known

    def _load(self, i, address, index):
        """The source of an element of input i as a number to compute with."""
        dtype = self.inputs[i].dtype
        text = f"read({address}, {index}, {dtype.numba})"
        self.names[str(dtype.numba)] = dtype.numba
        load = conversion.load(dtype)
        return text if load is conversion.identity else f"{self._name(load)}({text})"

    def source(self):
        """The text of the kernel."""
        lines = ["def fused(begin, end, arguments):"]
        count = len(self.regions)
        lines += [f"    a{i} = integer(arguments, {i})" for i in range(count)]
        first = count if self.flat else count + 1 + (len(self.sizes) - 1) * (1 + count)
        lines += self._parameters(first)
        if self.flat:
            lines += [f"    x{i} = {self._load(i, f'a{i}', 0)}" for i in self._repeated()]
            lines += ["    for i in range(begin, end):"]
            lines += self._body(" " * 8, "a")
        else:
            lines += [
                f"    width = integer(arguments, {count})",
                "    for row in range(begin, end):",
            ]
            lines += self._row_starts(count)
            lines += [f"        x{i} = {self._load(i, f'r{i}', 0)}" for i in self._repeated()]
            lines += ["        for i in range(width):"]
            lines += self._body(" " * 12, "r")
        described = [f"# {name}: {describe(f)}" for f, name in self.formulas.items()]
        return "\n".join([*described, *lines]) + "\n"

    def _call(self, formula, arguments):
        if not _rounds_once(formula):
            self.names[self._name(formula)] = cpu_target.contracted(formula)
        return f"{self._name(formula)}({', '.join(arguments)})"

    def _parameters(self, slot):
        lines = []
        for number, member in enumerate(self.members):
            found = member.elementwise
            compute = found.operands[-1].dtype.compute
            for k in range(len(found.parameters)):
                self.names[str(compute)] = compute
                lines.append(f"    p{number}_{k} = {compute}(real(arguments, {slot}))")
                slot += 1
        return lines

    def _repeated(self):
        """The inputs that are one element along a row."""
        return [i for i in range(len(self.inputs)) if self.strides[i][-1] == 0]

    def _row_starts(self, count):
        """Where a row of each operand begins."""
        lines, slot, terms = ["        rest = row"], count + 1, [[] for _ in range(count)]
        outer = len(self.sizes) - 1
        for d in range(outer - 1, -1, -1):
            at = slot + d * (1 + count)
            if d:
                lines += [
                    f"        c{d} = rest % integer(arguments, {at})",
                    f"        rest //= integer(arguments, {at})",
                ]
            for i in range(count):
                if self.strides[i][d]:
                    place = f"c{d}" if d else "rest"
                    terms[i].append(f" + {place} * integer(arguments, {at + 1 + i})")
        return lines + [f"        r{i} = a{i}{''.join(terms[i])}" for i in range(count)]

    def _body(self, indent, base):
        lines = [
            f"{indent}x{i} = {self._load(i, f'{base}{i}', 'i')}"
            for i in range(len(self.inputs))
            if self.strides[i][-1] != 0
        ]
        for number, member in enumerate(self.members):
            found = member.elementwise
            arguments = [
                f"x{i}" if kind == "input" else self._as_read(i)
                for kind, i in self.operands[number]
            ]
            arguments += [f"p{number}_{k}" for k in range(len(found.parameters))]
            cast = self._name(conversion.cast(found.out.dtype))
            lines.append(f"{indent}v{number} = {cast}({self._call(found.formula, arguments)})")
        for k, member in enumerate(self.outputs):
            number = self.members.index(member)
            store = conversion.store(member.elementwise.out.dtype)
            value = f"v{number}"
            if store is not conversion.identity:
                value = f"{self._name(store)}({value})"
            lines.append(f"{indent}write({base}{len(self.inputs) + k}, i, {value})")
        return lines

    def _as_read(self, number):
        """A value as it would be read back from memory."""
        dtype = self.members[number].elementwise.out.dtype
        load, store = conversion.load(dtype), conversion.store(dtype)
        if store is conversion.identity:
            return f"v{number}"
        return f"{self._name(load)}({self._name(store)}(v{number}))"

    # The instruction ------------------------------------------------------------

    def instruction(self):
        source = self.source()
        items = shapes.numel(self.sizes) if self.flat else shapes.numel(self.sizes[:-1])
        width = 1 if self.flat else self.sizes[-1]
        integers = [0] * len(self.regions)
        if not self.flat:
            integers.append(self.sizes[-1])
            for d, size in enumerate(self.sizes[:-1]):
                steps = [s[d] * r.dtype.itemsize for s, r in zip(self.strides, self.regions)]
                integers += [size, *steps]
        reals = chain(*[member.elementwise.parameters for member in self.members])
        places = {i: (r.buffer, r.byte_offset) for i, r in enumerate(self.regions)}
        launch = Launch(
            compiled(source, _Names(self.names)), items, max(1, GRAIN // width), integers, reals,
            places,
        )  # fmt: skip
        outputs = self.regions[len(self.inputs) :]
        found = Instruction(
            " ".join(member.name for member in self.members), [launch], self.inputs, outputs,
            {r.buffer for r in self.inputs}, {r.buffer for r in outputs},
        )  # fmt: skip
        found.source = source
        found.pairs = [
            (self.inputs[i], member.elementwise.out)
            for member in self.outputs
            for i in sorted(self._ancestors(self.members.index(member)))
        ]
        return found

    def _ancestors(self, number):
        """The inputs that a value is computed from."""
        found = set()
        for kind, i in self.operands[number]:
            found |= {i} if kind == "input" else self._ancestors(i)
        return found


@cache
def _rounds_once(formula):
    """Whether a formula is a single operation, in which nothing can be contracted."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(formula)))
    nodes = list(ast.walk(tree.body[0]))
    operations = sum(isinstance(node, ast.BinOp) for node in nodes)
    calls = sum(isinstance(node, ast.Call) for node in nodes)
    return operations <= 1 and (calls == 0 or formula is arithmetic.div)


def _last_writers(stored):
    """Of the members that write the same region, the last."""
    return list({member.elementwise.out.key: member for member in stored}.values())


class _Names(dict):
    """What the names in a source mean; sources that are equal mean the same."""

    def __hash__(self):
        return 0

    def __eq__(self, other):
        return True


@cache
def compiled(source, names):
    """The kernel with this source."""
    digest = hashlib.sha256(source.encode()).hexdigest()[:16]
    filename = f"<fused kernel {digest}>"
    linecache.cache[filename] = len(source), None, source.splitlines(keepends=True), filename
    namespace = {**_NATIVE, **names, "__name__": __name__}
    exec(compile(source, filename, "exec"), namespace)  # noqa: S102
    function = namespace["fused"]
    function.__qualname__ = f"fused_{digest}"
    # no flags: a product of one instruction and a sum of the next are rounded as in eager mode
    return cpu_target.Kernel(function, frozenset())


assert formulas  # what generated kernels reach, also in the eyes of the disk cache
