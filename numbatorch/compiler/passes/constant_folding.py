"""Runs once, beforehand, what depends on frozen memory only: packed and transformed weights, too.

Packing is a launch of its own within the instruction of an op, so single launches are folded.
"""

import ctypes

import numpy as np

from ... import memory
from ..program import CONSTANT, TEMPORARY, Buffer


def run(program, frozen):
    """Drop the launches whose results are known, and let others read those as constants."""
    writers = _writers(program)
    for instruction in program.instructions:
        if instruction.effect or instruction.flag is not None:
            continue
        for launch in list(instruction.launches):
            made = _made(launch, instruction, frozen, writers)
            if made and (len(instruction.launches) == 1 or _stays(launch, made, instruction)):
                _fold(program, instruction, launch, made, frozen)
    program.instructions = [i for i in program.instructions if i.launches]


def _writers(program):
    found = {}
    for instruction in program.instructions:
        for buffer in instruction.writes:
            found.setdefault(buffer, set()).add(instruction)
    return found


def _made(launch, instruction, frozen, writers):
    """The temporaries that a launch makes of nothing but frozen memory, or None."""
    if launch.table is not None:
        return None
    touched = {buffer for buffer, _ in launch.places.values()}
    made = {buffer for buffer in touched if buffer not in frozen}
    if not made or made == touched:
        return None
    if any(b.kind != TEMPORARY or writers.get(b) != {instruction} for b in made):
        return None
    if len(instruction.launches) == 1:
        return made if made.isdisjoint(instruction.reads) else None
    outputs = {region.buffer for region in instruction.outputs}
    earlier = instruction.launches[: instruction.launches.index(launch)]
    seen = set().union(*[other.buffers for other in earlier])
    return made if made.isdisjoint(outputs | seen) else None


def _stays(launch, made, instruction):
    """Whether the other launches of an instruction leave alone what one has made: they are run on
    random numbers, to see it."""
    regions = [*instruction.inputs, *instruction.outputs]
    if not all(region.dtype.is_floating_point for region in regions):
        return False
    numbers, scratch = np.random.default_rng(0), {}
    for other in instruction.launches:
        for buffer in other.buffers:
            if buffer.origin is None and buffer not in scratch:
                scratch[buffer] = storage = memory.Storage(buffer.nbytes)
                if buffer not in made:
                    _view(storage)[...] = numbers.integers(0, 63, buffer.nbytes, np.uint8)
    first = instruction.launches.index(launch)
    for other in instruction.launches[:first]:
        _run(other, scratch)
    _run(launch, scratch)
    before = [_view(scratch[buffer]).copy() for buffer in made]
    for other in instruction.launches[first + 1 :]:
        _run(other, scratch)
    return all(np.array_equal(_view(scratch[b]), old) for b, old in zip(made, before))


def _fold(program, instruction, launch, made, frozen):
    for buffer, _ in launch.places.values():
        if buffer in frozen:
            frozen.storage(buffer)
    results = {buffer: memory.Storage(buffer.nbytes) for buffer in made}
    _run(launch, results)
    instruction.launches.remove(launch)
    constants = {buffer: Buffer(CONSTANT, buffer.nbytes, results[buffer]) for buffer in made}
    for buffer, constant in constants.items():
        constant.name = f"{buffer.name}'"
    program.buffers += constants.values()
    program.replace(constants)
    instruction.writes -= set(constants.values())


def _run(launch, storages):
    """Run a launch on these storages, and on the buffers' own."""
    slots = list(launch.integers)
    for slot, (buffer, offset) in launch.places.items():
        storage = storages.get(buffer) or buffer.origin
        slots[slot] = storage.address + offset
    launch.kernel(launch.items, launch.grain, *slots, reals=launch.reals)


def _view(storage):
    return np.ctypeslib.as_array((ctypes.c_uint8 * storage.nbytes).from_address(storage.address))
