"""One page per family of ops: every primitive op with its formula, kernels, gradients and calls."""

import inspect
from functools import cache

from numbatorch.op import REGISTRY, Op
from numbatorch.ops.elementwise import Elementwise
from numbatorch.ops.registry import FUNCTIONS, METHODS, NOT_TOP_LEVEL

from .calls import DTYPES, observed
from .kernel_calls import formulas_of, kernels_of
from .pages import (
    docstring,
    fenced,
    folded,
    literally,
    table,
    toctree,
    write_if_changed,
)
from .sources import (
    PACKAGE,
    definitions,
    formula_text,
    function_text,
    kernel_functions,
    module_docstring,
    place_of,
)

#: Lines of a kernel that are shown at the op itself; longer ones stand on the page of their family.
MOST_LINES = 80


@cache
def homes():
    """Op name -> the family, a module of `ops/`, that declares it."""
    found = {}
    for path in sorted((PACKAGE / "ops").glob("*.py")):
        declared = definitions(path)
        module = inspect.sys.modules.get(f"numbatorch.ops.{path.stem}")
        for name, value in vars(module).items() if module else ():
            if isinstance(value, Op) and name in declared:
                found.setdefault(value.name, path.stem)
    for name, op in REGISTRY.items():
        if name not in found:
            module = getattr(getattr(op, "compute", op.infer), "__module__", "")
            found[name] = module.rpartition(".")[2]
    return found


def families():
    """Family -> its ops, in the order of their declaration."""
    found = {}
    for name in REGISTRY:
        found.setdefault(homes()[name], []).append(name)
    return dict(sorted(found.items()))


def write(folder):
    """The pages of all families, and an index of all ops."""
    for family, names in families().items():
        write_if_changed(folder / f"{family}.md", family_page(family, names))
    write_if_changed(folder / "index.md", index_page())


def index_page():
    rows = [
        (link(name), about(op).split("\n\n")[0].replace("\n", " "), f"[{home}]({home}.md)")
        for name, op in sorted(REGISTRY.items())
        for home in [homes()[name]]
    ]
    return "\n\n".join([
        "# Every op",
        f"All {len(REGISTRY)} primitive ops, made from the table that the package itself uses. Everything "
        "else is composed from them: a function such as `torch.nn.functional.cross_entropy` calls "
        "several.",
        toctree(list(families()), hidden=True),
        table(["op", "what it computes", "family"], rows),
        "",
    ])  # fmt: skip


def link(name):
    """A link to an op from another page of ops."""
    return f"[{literally(name)}]({homes()[name]}.md#op-{name.replace('_', '-')})"


def family_page(family, names):
    path = PACKAGE / "ops" / f"{family}.py"
    head = [f"# {family.replace('_', ' ').capitalize()}"]
    head += [docstring(module_docstring(path))] if path.exists() else []
    return "\n\n".join([*head, *[entry(REGISTRY[name]) for name in names], ""])


def entry(op):
    """All about one op."""
    parts = [
        f"(op-{op.name.replace('_', '-')})=",
        f"## {literally(op.name)}",
        about(op),
        fenced(signature(op)),
        published(op),
        *_formula(op),
        *_kernels(op),
        *_gradients(op),
        *_dtypes(op),
        *_calls(op),
    ]
    return "\n\n".join(part for part in parts if part)


def about(op):
    """What an op computes: its docstring, or where its formula comes from."""
    if op.__doc__ or not isinstance(op, Elementwise):
        return docstring(op.__doc__)
    if "library" in formula_text(op.formula):
        return f"The C library's `{op.formula.__name__}` of each element."
    return ""


def signature(op):
    """How the op is called: tensors first, keywords for the rest."""
    text = str(inspect.signature(getattr(op, "_declared", None) or op.infer))
    if isinstance(op, Elementwise):
        params = [
            f"{name}={op.defaults[name]!r}" if name in op.defaults else name
            for name in op.param_names
        ]
        text = f"({', '.join([*op.input_names, *(['*', *params] if params else [])])})"
    return f"{op.name}{text}"


def published(op):
    """Under which public names programs reach the op directly."""
    names = []
    for name, implementation in sorted(FUNCTIONS.items()):
        if implementation is op:
            space, _, rest = name.partition("_")
            if name not in NOT_TOP_LEVEL:
                names.append(f"torch.{name}")
            elif space in ("linalg", "fft", "special") and rest:
                names.append(f"torch.{space}.{rest}")
            else:
                names.append(f"torch.nn.functional.{name}")
    names += [f"Tensor.{name}" for name, value in sorted(METHODS.items()) if value is op]
    if not names:
        return "Internal: other functions and gradient rules call it."
    return "Public as " + ", ".join(f"`{name}`" for name in names) + "."


def _formula(op):
    formulas = formulas_of(op)
    if not formulas:
        return
    places = sorted({place_of_formula(formula) for formula in formulas})
    yield f"**Formula** (`{'`, `'.join(places)}`), the same for both devices:"
    yield fenced("\n\n\n".join(dict.fromkeys(map(formula_text, formulas))))


def place_of_formula(formula):
    text = formula_text(formula)
    for path in sorted((PACKAGE / "formulas").glob("*.py")):
        if text in definitions(path).values():
            return f"formulas/{path.name}"
    return place_of(formula)


def _kernels(op):
    if op.is_view:
        yield (
            "**Kernel**: none. The result is a view: it looks into the same memory with the shape, strides "
            "and offset that the declaration computes."
        )
        yield folded("The declaration", fenced(function_text(op.infer)))
        return
    kernels = kernels_of(op)
    if kernels:
        links = [
            f"[{family}.{literally(name)}](../kernels/{family}.md)" for family, name in kernels
        ]
        yield f"**Kernels**: {', '.join(links)}, on both devices."
    else:
        yield "**Kernel**: none; it moves memory between devices."
    if "compute" in vars(op):
        yield folded("The forward function", fenced(function_text(op.compute)))
    elif type(op).compute is not Elementwise.compute:
        yield folded("The forward function", fenced(function_text(type(op).compute)))
    for device in ("cpu", "cuda"):
        texts = [(family, kernel_text(device, family, name)) for family, name in kernels]
        blocks = [
            fenced(f"# {device}_kernels/{family}.py\n\n{text}") for family, text in texts if text
        ]
        if blocks:
            yield folded(f"On {'the CPU' if device == 'cpu' else 'CUDA'}", *blocks)


def kernel_text(device, family, name):
    """The host function of a kernel, with what it uses of its file where that is short."""
    text = kernel_functions(device, family)[name]
    if family == "elementwise":
        return text  # its templates serve nearly every second op: they stand on their own page
    whole = _with_helpers(device, family, name)
    return whole if whole.count("\n") <= MOST_LINES else text


def _with_helpers(device, family, name):
    """The definitions of a kernel's file that it uses, in the order of the file."""
    found = definitions(PACKAGE / f"{device}_kernels" / f"{family}.py")
    wanted, waiting = set(), [name]
    while waiting:
        current = waiting.pop()
        if current in wanted:
            continue
        wanted.add(current)
        words = set(
            "".join(c if c.isidentifier() else " " for c in _spaced(found[current])).split()
        )
        waiting += [other for other in found if other in words]
    return "\n\n\n".join(dict.fromkeys(found[other] for other in found if other in wanted))


def _spaced(text):
    return "".join(c if c.isalnum() or c == "_" else " " for c in text)


def _gradients(op):
    rules = {op.input_names[i]: rule for i, rule in op.rules.items()}
    if op.joint is not None:
        yield "**Gradient** of all inputs together:"
        yield _rule(op.joint)
        return
    if not rules:
        yield "**Gradient**: none."
        return
    texts = {}
    for name, rule in rules.items():
        texts.setdefault(_rule(rule), []).append(f"`{name}`")
    for text, names in texts.items():
        yield f"**Gradient** of {' and '.join(names)}:"
        yield text


def _rule(rule):
    """The source of a gradient rule, with the values of the names that its maker gave it."""
    function = rule.function
    bound = []
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or ()):
        value = cell.cell_contents
        if isinstance(value, Op):
            bound.append(f"`{name}` is {link(value.name)}")
        elif isinstance(value, int | float | str | bool):
            bound.append(f"`{name}` is `{value!r}`")
    text = fenced(function_text(function))
    return text + (f"\n\nHere {', '.join(bound)}." if bound else "")


def _dtypes(op):
    """dtype -> dtype of the result; of an elementwise op by its rule, else as observed."""
    if isinstance(op, Elementwise):
        found = {dtype.name: _by_rule(op, dtype) for dtype in DTYPES}
    else:
        seen = observed()[op.name].dtypes if op.name in observed() else {}
        found = {dtype.name: seen.get(dtype.name) for dtype in DTYPES}
    groups = {}
    for name, outputs in found.items():
        if outputs:
            groups.setdefault(tuple(o if o != name else "same" for o in outputs), []).append(name)
    if not groups:
        return
    rows = [
        (", ".join(names), ", ".join("the same" if o == "same" else o for o in outputs))
        for outputs, names in groups.items()
    ]
    yield "**Dtypes**: of the first input, and of what comes out" + (
        "." if isinstance(op, Elementwise) else ", as the samples bring them here."
    )
    yield table(["in", "out"], rows)


def _by_rule(op, dtype):
    if dtype in op.rejects:
        return None
    try:
        return (op.rule(dtype)[1].name,)
    except (NotImplementedError, RuntimeError, TypeError):
        return None


def _calls(op):
    if op.name in observed():
        lines = [
            f"{op.name}({arguments})\n    -> {result}"
            for arguments, result in observed()[op.name].calls.items()
        ]
        yield folded("Calls in the tests' samples", fenced("\n".join(lines), "text"))
