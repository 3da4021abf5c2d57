"""Contractions named by their indices: einsum, and what is a special case of it."""

import math

from .. import graph
from .autocast import widest
from .matmul import bmm, matmul
from .output import store
from .registry import Sample, function, samples
from .views import permute, reshape

# Labels are the letters of the equation; the dimensions under an ellipsis are labelled by numbers,
# counted from the last.


def _parse_operand(term, index, rank):
    """The labels of one operand's dimensions."""
    before, dots, after = term.partition("...")
    letters = before + after
    for position, letter in enumerate(letters):
        if letter == ".":
            seen = "for which an ellipsis was already found" if dots else ""
            raise RuntimeError(
                f"einsum(): found '.' for operand {index} "
                + (seen or "that is not part of any ellipsis")
            )
        if not (letter.isascii() and letter.isalpha()):
            raise RuntimeError(
                f"einsum(): invalid subscript given at index {position} in the equation string, "
                "subscripts must be in [a-zA-Z]"
            )
    if dots:
        if len(letters) > rank:
            raise RuntimeError(
                f"einsum(): the number of subscripts in the equation ({len(letters)}) is more than "
                f"the number of dimensions ({rank}) for operand {index}"
            )
    elif len(letters) != rank:
        raise RuntimeError(
            f"einsum(): the number of subscripts in the equation ({len(letters)}) does not match "
            f"the number of dimensions ({rank}) for operand {index} and no ellipsis was given"
        )
    covered = rank - len(letters)
    return [*before, *reversed(range(covered)), *after]


def _parse_output(term, operands):
    """The labels of the output; without a term, those that occur once, sorted, ellipsis first."""
    labels = [label for operand in operands for label in operand]
    covered = sorted({label for label in labels if isinstance(label, int)}, reverse=True)
    if term is None:
        letters = [label for label in labels if not isinstance(label, int)]
        return covered + sorted({letter for letter in letters if letters.count(letter) == 1})
    before, dots, after = term.partition("...")
    for letter in before + after:
        if letter not in labels:
            raise RuntimeError(
                f"einsum(): output subscript {letter} does not appear in the equation for any "
                "input operand"
            )
        if (before + after).count(letter) > 1:
            raise RuntimeError(
                f"einsum(): output subscript {letter} appears more than once in the output"
            )
    return [*before, *(covered if dots else []), *after]


def _from_sublists(arguments):
    """The equation and operands of the form einsum(a, [0, 1], b, [1, 2], [0, 2])."""
    *pairs, last = arguments if len(arguments) % 2 else (*arguments, None)
    operands, terms = pairs[::2], [_term(sublist) for sublist in pairs[1::2]]
    return ",".join(terms) + ("" if last is None else "->" + _term(last)), operands


def _term(sublist):
    letters = []
    for item in sublist:
        if item is Ellipsis:
            letters.append("...")
        elif 0 <= item < 52:
            letters.append(chr(ord("A") + item if item < 26 else ord("a") + item - 26))
        else:
            raise ValueError(
                "einsum(): subscript in subscript list is not within the valid range [0, 52)"
            )
    return "".join(letters)


def _take_diagonals(x, labels, index):
    """`x` with one dimension for each of its labels."""
    for label in dict.fromkeys(labels):
        while labels.count(label) > 1:
            first = labels.index(label)
            second = labels.index(label, first + 1)
            if x.shape[first] != x.shape[second]:
                raise RuntimeError(
                    f"einsum(): subscript {label} is repeated for operand {index} but the sizes "
                    f"don't match, {x.shape[second]} != {x.shape[first]}"
                )
            x = x.diagonal(0, first, second)
            labels = [*labels[:first], *labels[first + 1 : second], *labels[second + 1 :], label]
    return x, labels


def _sizes(operands):
    """The size of every label over all operands; a size of 1 broadcasts."""
    sizes = {}
    for index, (x, labels) in enumerate(operands):
        for label, size in zip(labels, x.shape):
            known = sizes.setdefault(label, size)
            if known == 1:
                sizes[label] = size
            elif size not in (1, known):
                raise RuntimeError(
                    f"einsum(): subscript {label} has size {size} for operand {index} which does "
                    f"not broadcast with previously seen size {known}"
                )
    return sizes


def _without_broadcast_dims(x, labels, sizes):
    """`x` without the dimensions of size 1 that another operand widens."""
    dims = [d for d, label in enumerate(labels) if x.shape[d] == 1 and sizes[label] != 1]
    if not dims:
        return x, labels
    kept = [label for d, label in enumerate(labels) if d not in dims]
    return reshape(x, [size for d, size in enumerate(x.shape) if d not in dims]), kept


def _sum_out(x, labels, kept):
    """`x` summed over the labels that nobody needs any more."""
    dims = [d for d, label in enumerate(labels) if label not in kept]
    if not dims:
        return x, labels
    return x.sum(dims), [label for label in labels if label in kept]


def _arranged(x, labels, order):
    return permute(x, [labels.index(label) for label in order])


def _contract(left, right, needed):
    """The product of two operands, summed over what they share and nobody else needs."""
    (a, a_labels), (b, b_labels) = left, right
    a, a_labels = _sum_out(a, a_labels, needed | set(b_labels))
    b, b_labels = _sum_out(b, b_labels, needed | set(a_labels))
    size = dict(zip(a_labels + b_labels, a.shape + b.shape))
    shared = [label for label in a_labels if label in b_labels]
    batch = [label for label in shared if label in needed]
    summed = [label for label in shared if label not in needed]
    rows = [label for label in a_labels if label not in shared]
    columns = [label for label in b_labels if label not in shared]

    def count(labels):
        return math.prod(size[label] for label in labels)

    a, b = (
        _arranged(a, a_labels, batch + rows + summed),
        _arranged(b, b_labels, batch + summed + columns),
    )
    if summed:
        a = reshape(a, (count(batch), count(rows), count(summed)))
        b = reshape(b, (count(batch), count(summed), count(columns)))
        product = bmm(a, b)
    else:
        a = reshape(a, (count(batch), count(rows), 1))
        product = a * reshape(b, (count(batch), 1, count(columns)))
    labels = batch + rows + columns
    return reshape(product, [size[label] for label in labels]), labels


@function(method=False)
def einsum(*args):
    """Sums of products of the operands' elements, by Einstein's convention.

    einsum(equation, *operands), or einsum(a, [0, 1], b, [1, 2], [0, 2]) with lists of indices.
    """
    if not args:
        raise ValueError("einsum(): must specify the equation string and at least one operand")
    if isinstance(args[0], str):
        equation, *operands = args
        if len(operands) == 1 and isinstance(operands[0], list | tuple):
            operands = list(operands[0])
    else:
        equation, operands = _from_sublists(args)
    if not operands:
        raise RuntimeError("einsum(): must provide at least one operand")
    for x in operands:
        if not isinstance(x, graph.Value):
            raise TypeError(f"einsum(): operands must be Tensors, not {type(x).__name__}")
    return _evaluate(equation.replace(" ", ""), operands)


def _evaluate(equation, operands):
    inputs, arrow, output = equation.partition("->")
    terms = inputs.split(",")
    if len(terms) != len(operands):
        more = "more" if len(operands) > len(terms) else "fewer"
        raise RuntimeError(
            f"einsum(): {more} operands were provided than specified in the equation"
        )
    labels = [
        _parse_operand(term, index, len(x.shape))
        for index, (term, x) in enumerate(zip(terms, operands))
    ]
    wanted = _parse_output(output if arrow else None, labels)
    pairs = [_take_diagonals(*pair, index) for index, pair in enumerate(zip(operands, labels))]
    sizes = _sizes(pairs)
    pairs = [_without_broadcast_dims(*pair, sizes) for pair in pairs]
    result, *rest = pairs
    for index, operand in enumerate(rest):
        later = [label for _, known in rest[index + 1 :] for label in known]
        result = _contract(result, operand, set(wanted) | set(later))
    x, known = _sum_out(*result, set(wanted))
    return _arranged(x, known, wanted)


@function(method=False)
@widest
def tensordot(a, b, dims=2, out=None):
    """The sum of products over `dims`: how many dimensions at the border, or one list for each."""
    if isinstance(dims, graph.Value):
        dims = dims.tolist()
    if isinstance(dims, list | tuple):
        a_dims, b_dims = (list(d) if isinstance(d, list | tuple) else [d] for d in dims)
    else:
        if dims < 0:
            raise RuntimeError(f"tensordot expects dims >= 0, but got dims={dims}")
        if dims > min(len(a.shape), len(b.shape)):
            raise RuntimeError(f"tensordot expects dims < ndim_a or ndim_b, but got dims={dims}")
        a_dims, b_dims = list(range(-dims, 0)), list(range(dims))
    if len(a_dims) != len(b_dims):
        raise RuntimeError("both dimension lists should have same length")
    for d, e in zip(a_dims, b_dims):
        if a.shape[d] != b.shape[e] and 1 not in (a.shape[d], b.shape[e]):
            raise RuntimeError(
                f"contracted dimensions need to match, but first has size {a.shape[d]} in dim {d} "
                f"and second has size {b.shape[e]} in dim {e}"
            )
    a_dims, b_dims = [d % len(a.shape) for d in a_dims], [d % len(b.shape) for d in b_dims]
    a_labels = list(range(len(a.shape)))
    b_labels = [len(a_labels) + d for d in range(len(b.shape))]
    for d, e in zip(a_dims, b_dims):
        b_labels[e] = a_labels[d]
    output = [label for label in a_labels if label not in b_labels]
    output += [label for label in b_labels if label not in a_labels]
    result = einsum(a, a_labels, b, b_labels, output)
    return result if out is None else store(result, out)


@function
def inner(input, other, *, out=None):
    """The sum of products over the last dimension of both; a product where one is 0-d."""
    if not input.shape or not other.shape:
        result = input * other
    elif input.shape[-1] != other.shape[-1]:
        raise RuntimeError(
            "inner() the last dimension must match on both input tensors but got shapes "
            f"{list(input.shape)} and {list(other.shape)}"
        )
    else:
        result = tensordot(input, other, ([-1], [-1]))
    return result if out is None else store(result, out)


@function
def kron(input, other, *, out=None):
    """The Kronecker product: every element of `input` times the whole of `other`."""
    rank = max(len(input.shape), len(other.shape))
    a = (1,) * (rank - len(input.shape)) + tuple(input.shape)
    b = (1,) * (rank - len(other.shape)) + tuple(other.shape)
    apart = reshape(input, [size for n in a for size in (n, 1)])
    spread = reshape(other, [size for n in b for size in (1, n)])
    result = reshape(apart * spread, [n * m for n, m in zip(a, b)])
    return result if out is None else store(result, out)


@function(method=False)
def chain_matmul(*matrices, out=None):
    """The product of several matrices, multiplied in the cheapest order."""
    if not matrices:
        raise RuntimeError("chain_matmul(): Expected one or more matrices")
    for x in matrices:
        if len(x.shape) != 2:
            raise RuntimeError(f"Tensor dimension is {len(x.shape)}, expected 2 instead.")
    result = multiply_chain(list(matrices))
    return result if out is None else store(result, out)


def multiply_chain(matrices):
    """The product of a list of matrices in the order that needs the fewest multiplications."""
    sizes = [matrices[0].shape[0], *[x.shape[1] for x in matrices]]
    count = len(matrices)
    cost = {(i, i): (0, i) for i in range(count)}
    for length in range(1, count):
        for i in range(count - length):
            j = i + length
            cost[i, j] = min(
                (cost[i, k][0] + cost[k + 1, j][0] + sizes[i] * sizes[k + 1] * sizes[j + 1], k)
                for k in range(i, j)
            )

    def product(i, j):
        if i == j:
            return matrices[i]
        k = cost[i, j][1]
        return matmul(product(i, k), product(k + 1, j))

    return product(0, count - 1)


@samples("einsum")
def _(make):
    yield Sample("ij,jk->ik", make(2, 3), make(3, 2))
    yield Sample("ii->i", make(3, 3))
    yield Sample("...ij,...jk", make(2, 1, 2, 3), make(2, 3, 2))
    yield Sample("bi,oij,bj->bo", make(2, 3), make(2, 3, 2), make(2, 2))
    yield Sample("ij,kj->", make(2, 3), make(1, 3))


@samples("tensordot")
def _(make):
    yield Sample(make(2, 3, 2), make(3, 2, 2))
    yield Sample(make(2, 3), make(3, 2), dims=([0, 1], [1, 0]))


@samples("inner")
def _(make):
    yield Sample(make(2, 3), make(4, 3))


@samples("kron")
def _(make):
    yield Sample(make(2, 2), make(2, 3, 2))


@samples("chain_matmul")
def _(make):
    yield Sample(make(2, 3), make(3, 4), make(4, 1))
