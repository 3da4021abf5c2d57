"""The public names, a page per namespace, with signatures and docstrings."""

import ast
import importlib
import inspect
import types

import numbatorch
from numbatorch.op import Op
from numbatorch.ops.registry import FUNCTIONS, METHODS, NOT_TOP_LEVEL

from .ops import about, homes, signature
from .pages import docstring, literally, table, toctree, write_if_changed

#: Page -> (title, modules whose public names it lists). `torch` and `Tensor` have pages of their own.
PAGES = {
    "nn": ("torch.nn", ["nn"]),
    "functional": ("torch.nn.functional", ["nn.functional"]),
    "nn_utils": ("torch.nn.init and torch.nn.utils", ["nn.init", "nn.utils"]),
    "optim": ("torch.optim", ["optim", "optim.lr_scheduler"]),
    "autograd": ("torch.autograd and torch.func", ["autograd", "func"]),
    "linalg": ("torch.linalg, torch.fft and torch.special", ["linalg", "fft", "special"]),
    "distributions": ("torch.distributions", ["distributions"]),
    "data": ("torch.utils and torch.utils.data", ["utils", "utils.data"]),
    "compiler": ("torch.compiler and graphs", ["compiler", "graph"]),
    "devices": (
        "torch.cuda, torch.amp and torch.profiler",
        ["cuda", "amp", "profiler", "sparse"],
    ),
    "vision": (
        "vision",
        [
            "vision",
            "vision.datasets",
            "vision.transforms",
            "vision.models",
            "vision.ops",
            "vision.utils",
        ],  # fmt: skip
    ),
    "audio": ("audio and text", ["audio", "text"]),
}


def write(folder):
    """All pages and their index."""
    seen = set()
    write_if_changed(folder / "torch.md", torch_page(seen))
    write_if_changed(folder / "tensor.md", tensor_page(seen))
    for page, (title, modules) in PAGES.items():
        parts = [f"# {title}"]
        for name in modules:
            parts += module_section(name, seen, len(modules) > 1)
        write_if_changed(folder / f"{page}.md", "\n\n".join([*parts, ""]))
    write_if_changed(folder / "index.md", index_page())


def index_page():
    rows = [("[torch](torch.md)", "functions of tensors"), ("[Tensor](tensor.md)", "methods")]
    rows += [(f"[{title}]({page}.md)", _about(modules)) for page, (title, modules) in PAGES.items()]
    return "\n\n".join([
        "# API reference",
        "With `import numbatorch as torch`, names are PyTorch's. What is said here is what numbatorch's "
        "own docstrings say; where PyTorch documents more of a function, that holds too, but for the "
        "[differences](../../differences.md).",
        toctree(["torch", "tensor", *PAGES], hidden=True),
        table(["names", "what they are"], rows),
        "",
    ])  # fmt: skip


def _about(modules):
    lines = [(inspect.getdoc(module_of(name)) or "").split("\n")[0] for name in modules[:1]]
    return literally(lines[0]) or "-"


def module_of(name):
    return importlib.import_module(f"numbatorch.{name}")


def torch_page(seen):
    names = sorted(
        name for name in FUNCTIONS if name not in NOT_TOP_LEVEL and not name.startswith("_")
    )
    others = [
        name
        for name in _public(numbatorch)
        if name not in names and name != "Tensor" and _is_shown(getattr(numbatorch, name))
    ]
    parts = ["# torch", "## Functions of tensors"]
    parts += [described(f"torch.{name}", FUNCTIONS[name], seen) for name in names]
    parts += ["## Everything else at the top level"]
    parts += [described(f"torch.{name}", getattr(numbatorch, name), seen) for name in others]
    return "\n\n".join([*parts, ""])


def tensor_page(seen):
    tensor = numbatorch.Tensor
    own = [name for name in sorted(vars(tensor)) if not name.startswith("_")]
    names = sorted({*own, *[name for name in METHODS if not name.startswith("_")]})
    parts = ["# Tensor", docstring(tensor.__doc__)]
    for name in names:
        member = inspect.getattr_static(tensor, name, None) or METHODS.get(name)
        if isinstance(member, property):
            parts.append(_directive("py:attribute", f"Tensor.{name}", docstring(member.__doc__)))
        elif callable(member) or isinstance(member, Op):
            parts.append(described(f"Tensor.{name}", member, seen, method=True))
    return "\n\n".join([*parts, ""])


def module_section(name, seen, titled):
    """The public names of a module that are defined in it or below it."""
    module = module_of(name)
    prefix = f"torch.{name}" if name.split(".")[0] not in ("vision", "audio", "text") else name
    names = [n for n in _public(module) if _belongs(module, n)]
    parts = [f"## {prefix}"] if titled else []
    parts += [docstring(module.__doc__)]
    parts += [described(f"{prefix}.{n}", getattr(module, n), seen) for n in names]
    return [part for part in parts if part]


def _public(module):
    names = getattr(module, "__all__", None) or [n for n in dir(module) if not n.startswith("_")]
    return sorted(set(names))


def _belongs(module, name):
    value = getattr(module, name)
    if not _is_shown(value):
        return False
    if (
        isinstance(value, Op)
        or value in FUNCTIONS.values()
        or name in getattr(module, "__all__", ())
    ):
        return True
    home = getattr(value, "__module__", "") or ""
    return home.startswith(module.__name__) or module.__name__.endswith("functional")


def _is_shown(value):
    if isinstance(value, types.ModuleType | str | int | float | tuple | list | dict | set):
        return False
    return isinstance(value, Op) or inspect.isclass(value) or inspect.isroutine(value)


def described(name, value, seen, method=False):
    """One function or class with its docstring; of a class its public methods as well."""
    if name in seen:
        return ""
    seen.add(name)
    if inspect.isclass(value):
        return _class(name, value)
    text = about(value) if isinstance(value, Op) else docstring(inspect.getdoc(value))
    if isinstance(value, Op):
        home = homes()[value.name]
        anchor = f"../ops/{home}.md#op-{value.name.replace('_', '-')}"
        text += f"\n\nA primitive op: [formula, kernels and gradient]({anchor})."
    kind = "py:method" if method else "py:function"
    return _directive(kind, name + arguments(value), text)


def _class(name, value):
    parts = [docstring(value.__doc__ if "__doc__" in vars(value) else "")]
    for member, function in vars(value).items():
        if member.startswith("_") or not inspect.isfunction(function) or not function.__doc__:
            continue
        if member == "forward":
            continue
        parts.append(
            _directive("py:method", f"{member}{arguments(function)}", docstring(function.__doc__))
        )
    return _directive("py:class", name + arguments(value), "\n\n".join(filter(None, parts)))


def _directive(kind, declaration, body):
    fence = "`" * (4 if kind in ("py:method", "py:attribute") else 5)
    return f"{fence}{{{kind}}} {declaration}\n\n{body}\n{fence}"


def arguments(value):
    """The signature as Sphinx reads it: without annotations, and with defaults that are literals."""
    if isinstance(value, Op):
        text = signature(value)[len(value.name) :]
        return text if _reads(text) else "(...)"
    try:
        found = inspect.signature(value)
    except (TypeError, ValueError):
        return "(*args, **kwargs)"
    parameters = [
        p.replace(annotation=p.empty, default=_Default(p.default) if p.default is not p.empty else p.empty)
        for p in found.parameters.values()
        if p.name not in ("self", "_cls")
    ]  # fmt: skip
    text = str(found.replace(parameters=parameters, return_annotation=found.empty))
    return text if _reads(text) else "(*args, **kwargs)"


def _reads(text):
    try:
        ast.parse(f"def f{text}: pass")
    except SyntaxError:
        return False
    return True


class _Default:
    """Prints as the literal that a default is, or as `...`."""

    def __init__(self, value):
        text = repr(value)
        try:
            ast.literal_eval(text)
        except (ValueError, SyntaxError):
            text = text if text.startswith("torch.") and " " not in text else "..."
        self.text = text

    def __repr__(self):
        return self.text
