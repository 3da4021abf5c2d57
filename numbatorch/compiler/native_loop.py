"""The builtin of a loop: gathers a batch and runs the program; then the next one."""

import numpy as np
from numba.extending import register_jitable

from ..cpu_builtins import (
    Py_DecRef,
    PyBytes_AsString,
    PyErr_CheckSignals,
    PyErr_Occurred,
    PyErr_SetNone,
    PyLong_AsLongLong,
    PyLong_FromLongLong,
    PyObject_CallNoArgs,
    memcpy,
    set_word,
    word,
)
from .native_call import (
    ACTION_TABLE,
    ACTIONS,
    BASES,
    BUSY,
    BUSY_ERROR,
    PROGRAM,
    STATE_AT,
    all_act,
    find_memory,
    note_changes,
    run_program,
)

#: Words of a job: how many steps, rows of a batch, tensors of a batch and results there are, where
#: the tables of these lie, whom to ask whether one more step is like the last, whether a step failed.
(
    _STEPS, _ROWS, _COLUMNS, _RESULTS, _COLUMN_TABLE, _INDICES, _RESULT_TABLE, _ACCEPTS, _YES,
    _FAILED, _JOB,
) = range(11)  # fmt: skip
#: Columns of the tables. Of a tensor of a batch: where its rows come from, where they go, bytes of a
#: row. Of a result: the number of its base, where that of the first step lies, bytes of a step.
_SOURCE, _TARGET, _BYTES, _WIDTH = range(4)


@register_jitable
def _gather(job, index):
    """Copy the rows of a batch, whose numbers lie at `index`, to where the program reads them."""
    row = word(job, _COLUMN_TABLE)
    for _ in range(word(job, _COLUMNS)):
        source, target, size = word(row, _SOURCE), word(row, _TARGET), word(row, _BYTES)
        for i in range(word(job, _ROWS)):
            memcpy(target + i * size, source + word(index, i) * size, size)
        row += 8 * _WIDTH


@register_jitable
def _place_results(job, bases, step):
    """Let the program write its results where those of a step belong."""
    row = word(job, _RESULT_TABLE)
    for _ in range(word(job, _RESULTS)):
        set_word(bases, word(row, _SOURCE), word(row, _TARGET) + step * word(row, _BYTES))
        row += 8 * _WIDTH


@register_jitable
def _is_accepted(job):
    """Whether the state of optimizers is such that one more step may follow."""
    accepts = word(job, _ACCEPTS)
    if accepts == 0:
        return True
    answer = PyObject_CallNoArgs(accepts)
    if answer != 0:
        Py_DecRef(answer)
    return answer == word(job, _YES)


@register_jitable
def _run_steps(table, state, job, arguments):
    """How many steps went well; -1 after an exception."""
    if not find_memory(table, state, arguments):
        return -1
    program, index = word(state, PROGRAM), word(job, _INDICES)
    for step in range(word(job, _STEPS)):
        if step > 0 and not _is_accepted(job):
            return -1 if PyErr_Occurred() != 0 else step
        _gather(job, index)
        _place_results(job, word(program, BASES), step)
        if not all_act(word(state, ACTIONS), word(state, ACTION_TABLE)):
            return -1
        if run_program(program) >= 0:
            set_word(job, _FAILED, 1)
            return step
        if not note_changes(table, state) or PyErr_CheckSignals() != 0:
            return -1
        index += 8 * word(job, _ROWS)
    return word(job, _STEPS)


def steps(self, arguments, count):
    """steps(job, args, kwargs, *tensors): run the steps of a job; how many found no bad input."""
    table = PyBytes_AsString(self)
    state, job = word(table, STATE_AT), PyLong_AsLongLong(word(arguments, 0))
    busy = word(state, BUSY)
    if word(busy, 0) != 0:
        PyErr_SetNone(word(table, BUSY_ERROR))
        return 0
    set_word(busy, 0, 1)
    done = _run_steps(table, state, job, arguments + 8)
    set_word(busy, 0, 0)
    return 0 if done < 0 else PyLong_FromLongLong(done)


class Job:
    """Some steps for `steps`.

    `columns` has a row (from, to, bytes of a row) for each tensor of a batch; `numbers` those of
    the rows, batch after batch, `rows` for each; `results` a row (base, first, bytes of a step)
    for each buffer of results. accepts() says before each step but the first whether it may follow.
    """

    def __init__(self, steps, rows, columns, numbers, results, accepts):
        tables = [np.array(columns, np.int64), numbers, np.array(results, np.int64)]
        self._kept = tables, accepts
        self._words = np.zeros(_JOB, np.int64)
        self._words[:_ACCEPTS] = (
            steps, rows, len(columns), len(results), *[table.ctypes.data for table in tables]
        )  # fmt: skip
        self._words[_ACCEPTS] = 0 if accepts is None else id(accepts)
        self._words[_YES] = id(True)

    @property
    def address(self):
        return self._words.ctypes.data

    @property
    def failed(self):
        """Whether the step after the last that went well found bad input."""
        return bool(self._words[_FAILED])
