"""Source text of formulas, rules and kernels, without importing what needs a device."""

import ast
import inspect
import textwrap
from functools import cache
from pathlib import Path

import numbatorch

PACKAGE = Path(numbatorch.__file__).parent

#: The kernel families that both devices have.
FAMILIES = sorted(
    path.stem
    for path in (PACKAGE / "cuda_kernels").glob("*.py")
    if (PACKAGE / "cpu_kernels" / path.name).exists() and path.stem != "__init__"
)


def kernel_path(device, family):
    """The file of a kernel family."""
    return PACKAGE / f"{device}_kernels" / f"{family}.py"


@cache
def _module(path):
    """(text, syntax tree) of a file."""
    text = path.read_text(encoding="utf-8")
    return text, ast.parse(text)


@cache
def definitions(path):
    """Name -> source text of every top-level definition of a file, comments right above included."""
    text, tree = _module(path)
    lines, found = text.splitlines(), {}
    for node in tree.body:
        names = [node.name] if hasattr(node, "name") else []
        if isinstance(node, ast.Assign):
            targets = [
                part for target in node.targets for part in getattr(target, "elts", [target])
            ]
            names = [target.id for target in targets if isinstance(target, ast.Name)]
        first = min([node.lineno, *[d.lineno for d in getattr(node, "decorator_list", [])]])
        for name in names:
            found[name] = "\n".join(lines[first - 1 : node.end_lineno])
    return found


def module_docstring(path):
    """The docstring of a file."""
    return ast.get_docstring(_module(path)[1]) or ""


@cache
def kernel_functions(device, family):
    """Name -> source text of the functions of a kernel file that are not private."""
    found = definitions(kernel_path(device, family))
    return {
        name: text
        for name, text in found.items()
        if not name.startswith("_") and text.startswith(("def ", "@"))
    }


def function_text(function):
    """The source of a function, without its indent."""
    return textwrap.dedent(inspect.getsource(inspect.unwrap(function)))


def formula_text(formula):
    """The source of a formula: its function, or the line that makes it."""
    module = inspect.getmodule(formula)
    name = formula.__name__
    path = Path(inspect.getsourcefile(formula))
    if path.stem == "library":  # made by a helper: its line stands in another file
        for other in sorted((PACKAGE / "formulas").glob("*.py")):
            if name in definitions(other) and "library" in definitions(other)[name]:
                return definitions(other)[name]
    found = definitions(path).get(name) if module else None
    return found or function_text(formula)


def place_of(thing):
    """`folder/file.py` of what defines a function."""
    path = Path(inspect.getsourcefile(inspect.unwrap(thing)))
    return path.relative_to(PACKAGE).as_posix()
