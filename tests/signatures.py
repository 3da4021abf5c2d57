"""How the names that PyTorch and numbatorch share are called: what differs in their parameters.

    python tests/signatures.py

PyTorch's Python functions, classes and methods are read by `inspect`, those written in C++ from the
schemas of their overloads. Prints a line for each name that differs.
"""

import importlib
import inspect
import pkgutil
import re
import sys
import types
import warnings

import torch

import numbatorch

Parameter = inspect.Parameter
NAMED = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
REST = (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)

#: Parts of numbatorch whose names are its own, though PyTorch has modules called so.
OWN = ("op", "ops", "graph", "formulas", "compiler", "cuda_kernels", "cpu_kernels", "version")

#: Modules of PyTorch that are here in name (docs/differences.md), and its tests.
IN_NAME = ("jit", "distributed", "fx", "onnx", "library", "testing")

#: What the first argument of the overloads is called that only TorchScript has.
OF_TORCHSCRIPT = ("a", "t", "x", "list", "l")

#: Parameters of overloads that only TorchScript or CUDA have.
ELSEWHERE = {"out_dtype", "reverse", "src", "b"}

#: Classes that are what they are called only; theirs, and types that stand for something else.
LEFT_OUT = re.compile(
    r"torch\.(cuda\.)?(\w+Tensor|\w*Storage|Node|dtype|(types\.)?Size|Event|Generator|Future)\b|torch\.return_types"
)


def modules():
    """Names of the modules that both have, without the first part: "", ".nn", ".nn.functional"."""
    yield ""
    for info in pkgutil.walk_packages(numbatorch.__path__):
        first = info.name.split(".")[0]
        if first in OWN or first in IN_NAME or first.startswith(("_", "cuda_", "cpu_")):
            continue
        yield "." + info.name


def _pairs_of(place):
    """(name, PyTorch's, numbatorch's) of the callables of a module."""
    try:
        theirs = importlib.import_module("torch" + place)
        ours = importlib.import_module("numbatorch" + place)
    except ImportError:
        return
    for name in sorted(dir(theirs)):
        one, other = getattr(theirs, name, None), getattr(ours, name, None)
        module = getattr(one, "__module__", None) or "torch"
        if name.startswith("_") or not callable(one) or not callable(other):
            continue
        if isinstance(one, types.ModuleType | torch.dtype) or not module.startswith("torch"):
            continue
        yield f"torch{place}.{name}", one, other


def _methods(name, theirs, ours):
    """(name, PyTorch's, numbatorch's) of the methods that a class of PyTorch's defines itself."""
    for method in sorted(vars(theirs)):
        one, other = getattr(theirs, method, None), getattr(ours, method, None)
        if not method.startswith("_") and callable(one) and callable(other):
            yield f"{name}.{method}", one, other


def pairs():
    """(name, PyTorch's, numbatorch's) of everything that can be called in both."""
    seen = set()
    for place in dict.fromkeys(modules()):
        for name, theirs, ours in _pairs_of(place):
            if id(theirs) in seen or LEFT_OUT.match(name):
                continue
            seen.add(id(theirs))
            yield name, theirs, ours
            if inspect.isclass(theirs) and inspect.isclass(ours):
                yield from _methods(name, theirs, ours)
    for method in sorted(dir(torch.Tensor)):
        if not method.startswith("_") and hasattr(numbatorch.Tensor, method):
            theirs = getattr(torch.Tensor, method)
            if callable(theirs):
                yield f"torch.Tensor.{method}", theirs, getattr(numbatorch.Tensor, method)


def _text(value):
    """A default as text that is the same in both."""
    if isinstance(value, list | tuple):
        return str(list(value)) if len(set(value)) != 1 else _text(value[0])
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(float(value))
    text = re.sub(r" at 0x[0-9a-f]+", "", repr(value))
    text = re.sub(
        r"<class '[\w.]*\.(\w+)'>|<(?:function|built-in \w+) ([\w.]+)[^>]*>", r"\1\2", text
    )
    return text.replace("numbatorch", "torch")


def of_python(theirs, ours, method=False):
    """What differs from a function or class that Python can read the parameters of."""
    theirs = list(inspect.signature(theirs).parameters.values())
    ours = list(inspect.signature(ours).parameters.values())
    if {p.kind for p in theirs} >= set(REST) and len(theirs) <= 3:
        return
    if method:  # the tensor, whatever it is called
        theirs, ours = theirs[1:], ours[1:] if ours[0].kind in NAMED else ours
    here = {p.name: p for p in ours}
    kinds = {p.kind for p in ours}
    public = [p for p in theirs if p.kind not in REST and not p.name.startswith("_")]
    for p in public:
        q = here.get(p.name)
        if q is None:
            if Parameter.VAR_KEYWORD not in kinds:
                yield f"has no {p.name}"
        elif p.default is not Parameter.empty and _text(p.default) != _text(q.default):
            yield f"{p.name}={_text(q.default)}, PyTorch {_text(p.default)}"
    order = [p.name for p in public if p.kind in NAMED]
    found = [p.name for p in ours if p.kind in NAMED and not p.name.startswith("_")]
    if Parameter.VAR_POSITIONAL not in kinds and found[: len(order)] != order:
        yield f"order {', '.join(found)}; PyTorch {', '.join(order)}"
    for q in ours:
        wanted = q.kind not in REST and q.default is Parameter.empty
        if wanted and q.name not in {p.name for p in theirs} and not _takes_rest(theirs):
            yield f"wants {q.name}"


def _takes_rest(parameters):
    return any(p.kind in REST for p in parameters)


def schemas(name):
    """Overloads of a function written in C++, from its last name; those of `out=` left out."""
    found = []
    for schema in torch._C._jit_get_schemas_for_operator(f"aten::{name}"):
        types_of = " ".join(str(a.type) for a in schema.arguments)
        if "Dimname" in types_of or any(a.is_out for a in schema.arguments):
            continue
        names = {a.name for a in schema.arguments}
        if not names or schema.arguments[0].name in OF_TORCHSCRIPT or names & ELSEWHERE:
            continue
        if schema.overload_name in (
            "Scalar",
            "bool",
        ):  # numbers are wrapped in Python; TorchScript's
            continue
        found.append(schema)
    return found


def of_schema(schema, ours, method):
    """What differs from one overload: how its arguments may be given, and their defaults."""
    signature = inspect.signature(ours)
    known = getattr(ours, "other_names", {})
    names = ["input" if a.name == "self" else a.name for a in schema.arguments]
    given = dict(zip(names, schema.arguments))
    by_place = [n for n, a in given.items() if not a.kwarg_only]
    must = [n for n, a in given.items() if a.kwarg_only and not a.has_default_value()]
    first = []
    if method:  # the tensor, which not every schema has first
        first = ["input"] if "input" in given else by_place[:1]
        by_place = first + [n for n in by_place if n not in first]
    by_name = [n for n in given if n not in first]
    try:
        signature.bind(*by_place, **dict.fromkeys(must))
    except TypeError as error:
        yield f"({', '.join(by_place)}): {error}"
    try:
        signature.bind(*first, **dict.fromkeys(known.get(n, n) for n in by_name))
    except TypeError as error:
        yield f"({', '.join(first + [n + '=' for n in by_name])}): {error}"
    wanted = [n for n, a in given.items() if not a.has_default_value()]
    try:
        signature.bind(*first, **dict.fromkeys(known.get(n, n) for n in wanted if n not in first))
    except TypeError as error:
        yield f"({', '.join(wanted)}): {error}"
    for name, argument in given.items():
        q = signature.parameters.get(name)
        if q is None or q.default is Parameter.empty or not argument.has_default_value():
            continue
        told = argument.default_value is not None and q.default is not None
        if told and _text(q.default) != _text(argument.default_value):
            yield f"{name}={_text(q.default)}, PyTorch {_text(argument.default_value)}"


def differences(name, theirs, ours):
    """What differs between two callables of a name, as texts."""
    method = name.startswith("torch.Tensor.")
    try:
        return list(of_python(theirs, ours, method))
    except (ValueError, TypeError):
        pass
    last = name.rsplit(".", 1)[1]
    family = name.split(".")[1]
    prefix = f"{family}_" if family in ("linalg", "fft", "special") else ""
    found = []
    try:
        for schema in schemas(prefix + last):
            found += of_schema(schema, ours, method)
    except ValueError:  # ours has no parameters to read
        return []
    return list(dict.fromkeys(found))


def main():
    warnings.simplefilter("ignore")
    compared = 0
    for name, theirs, ours in pairs():
        compared += 1
        for text in differences(name, theirs, ours):
            print(f"{name}: {text}")
    print(f"{compared} names compared")


if __name__ == "__main__":
    sys.exit(main())
