"""From a Python function to its syntax tree."""

import ast
import functools
import linecache
import types
from dataclasses import dataclass


class NoSource(Exception):
    """There is no syntax tree that surely is the function's."""


@dataclass(frozen=True)
class Definition:
    """A function's syntax tree and where it stands."""

    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
    filename: str
    class_name: str | None  # of the class around it: private names are mangled with it


@functools.lru_cache(maxsize=1024)
def definition_of(code):
    """The definition of a code object; NoSource where it is not found, or not the same any more."""
    text = _text(code.co_filename)
    same_line = _functions_by_line(code.co_filename, text).get(code.co_firstlineno, ())
    candidates = [node for node in same_line if getattr(node, "name", "<lambda>") == code.co_name]
    if len(candidates) > 1:
        starts = _columns(code)
        candidates = [node for node in candidates if _starts(node) == starts]
    if len(candidates) != 1:
        raise NoSource("its source is not found")
    if not _still_the_same(code, candidates[0], text):
        raise NoSource("its source has changed since it was imported")
    return Definition(candidates[0], code.co_filename, _class_around(code))


def _text(filename):
    linecache.checkcache(filename)
    lines = linecache.getlines(filename)
    if not lines:
        raise NoSource("it has no source")
    return "".join(lines)


@functools.lru_cache(maxsize=64)
def _functions_by_line(filename, text):
    """Line of a function's first decorator, `def` or `lambda` -> the functions there."""
    try:
        tree = ast.parse(text, filename)
    except SyntaxError:
        raise NoSource("its source cannot be parsed") from None
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            decorators = getattr(node, "decorator_list", ())
            line = min([node.lineno, *(d.lineno for d in decorators)])
            found.setdefault(line, []).append(node)
    return found


def _columns(code):
    """Line and column where the body of a one-line function starts."""
    places = [p for p in code.co_positions() if p[0] is not None and p[2] is not None]
    places = [p for p in places if (p[0], p[2]) != (code.co_firstlineno, 0) or p[3] != 0]
    return min((line, column) for line, _, column, _ in places)


def _starts(node):
    body = node.body if isinstance(node, ast.Lambda) else node.body[0]
    return min(
        (part.lineno, part.col_offset) for part in ast.walk(body) if hasattr(part, "col_offset")
    )


@functools.lru_cache(maxsize=64)
def _codes_by_line(filename, text):
    """Line -> the code objects that the file's text compiles to."""
    found = {}
    waiting = [compile(text, filename, "exec", dont_inherit=True)]
    while waiting:
        code = waiting.pop()
        found.setdefault(code.co_firstlineno, []).append(code)
        waiting += [c for c in code.co_consts if isinstance(c, types.CodeType)]
    return found


def _still_the_same(code, node, text):
    """Whether the text on disk compiles to this code.

    Assertions may have been rewritten by a test runner; functions with them are believed.
    """
    if any(isinstance(part, ast.Assert) for part in ast.walk(node)):
        return True
    return any(
        _same_code(code, other)
        for other in _codes_by_line(code.co_filename, text)[code.co_firstlineno]
    )


def _same_code(a, b):
    if (a.co_code, a.co_names, a.co_varnames) != (b.co_code, b.co_names, b.co_varnames):
        return False
    return len(a.co_consts) == len(b.co_consts) and all(
        _same_code(x, y)
        if isinstance(x, types.CodeType) and isinstance(y, types.CodeType)
        else repr(x) == repr(y)
        for x, y in zip(a.co_consts, b.co_consts)
    )


def _class_around(code):
    """The innermost class whose body the function is written in."""
    *around, _ = code.co_qualname.split(".")
    while around and around[-1] == "<locals>":
        around = around[:-2]
    return around[-1] if around else None
