"""Binding arguments to parameters: Python itself does it, with a function that has no body."""

import ast
import functools
import types


def bind(definition, name, defaults, keyword_defaults, args, kwargs):
    """{parameter: value} of a call; TypeError, in Python's words, where it does not fit."""
    binder = types.FunctionType(_binder_code(definition), {"locals": locals}, name, defaults)
    binder.__kwdefaults__ = keyword_defaults
    binder.__qualname__ = name
    return binder(*args, **kwargs)


@functools.lru_cache(maxsize=1024)
def _binder_code(definition):
    """The code of `def name(parameters): return locals()`."""
    node = definition.node
    old = node.args
    nothing = ast.Constant(None)
    arguments = ast.arguments(
        posonlyargs=[ast.arg(a.arg) for a in old.posonlyargs],
        args=[ast.arg(a.arg) for a in old.args],
        vararg=old.vararg and ast.arg(old.vararg.arg),
        kwonlyargs=[ast.arg(a.arg) for a in old.kwonlyargs],
        kw_defaults=[default and nothing for default in old.kw_defaults],
        kwarg=old.kwarg and ast.arg(old.kwarg.arg),
        defaults=[nothing for _ in old.defaults],
    )
    call = ast.Return(ast.Call(ast.Name("locals", ast.Load()), [], []))
    function = ast.FunctionDef("binder", arguments, [call], [], type_params=[])
    module = ast.fix_missing_locations(ast.Module([function], []))
    code = compile(module, definition.filename, "exec")
    return next(c for c in code.co_consts if isinstance(c, types.CodeType))
