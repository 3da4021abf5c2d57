"""Run programs that say `import torch`: their torch is numbatorch.

`python -m numbatorch script.py arguments...` runs an unmodified PyTorch script; in a notebook
`import numbatorch; numbatorch.install_as_torch()` does the same for the imports that follow.
"""

import importlib
import importlib.abc
import importlib.util
import os
import runpy
import sys
import types

#: What programs import -> what they get. Submodules follow their packages.
ALIASES = {"torch": "numbatorch", "torchvision": "numbatorch.vision"}

#: A folder whose torch.py does the same. Spawned processes get the path, not the finder.
STAND_IN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "stand_in")

USAGE = """usage: python -m numbatorch script.py [arguments ...]
       python -m numbatorch -m module [arguments ...]
       python -m numbatorch -c program [arguments ...]
       python -m numbatorch - [arguments ...]          the program comes from standard input
       python -m numbatorch warmup [--help]

Run a PyTorch program on numbatorch: `import torch` gives numbatorch. `warmup` compiles the usual
kernels ahead, on all cores."""


def real_name(name):
    """The name in numbatorch of a module that a program calls torch...; None for other modules."""
    package, _, rest = name.partition(".")
    if package not in ALIASES:
        return None
    return f"{ALIASES[package]}.{rest}" if rest else ALIASES[package]


class TorchFinder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds torch, torch.nn, ... in numbatorch: the very same module objects."""

    def find_spec(self, name, path=None, target=None):
        real = real_name(name)
        if real is None or importlib.util.find_spec(real) is None:
            return None
        return importlib.util.spec_from_loader(name, self)

    def create_module(self, spec):
        module = importlib.import_module(real_name(spec.name))
        spec.loader_state = module.__spec__
        return module

    def exec_module(self, module):
        module.__spec__ = module.__spec__.loader_state  # importing put the alias's spec there


def install_as_torch():
    """Let `import torch` and its submodules mean numbatorch, from now on in this process.

    Raises RuntimeError where PyTorch is already imported.
    """
    import numbatorch

    loaded = sys.modules.get("torch")
    if loaded is numbatorch:
        return
    if loaded is not None:
        raise RuntimeError(
            "PyTorch is already imported: install_as_torch() has to come before `import torch`"
        )
    for alias, real in ALIASES.items():
        for name, module in list(sys.modules.items()):
            if name == real or name.startswith(f"{real}."):
                sys.modules[alias + name[len(real) :]] = module
    sys.meta_path.insert(0, TorchFinder())


def _run_source(source, name):
    """Run the text of a program as the main module."""
    main_module = sys.modules["__main__"] = types.ModuleType("__main__")
    exec(compile(source, name, "exec"), main_module.__dict__)


def _what_is_missing(arguments):
    """What keeps a program from being started, as Python tells it; None where nothing does."""
    kind, rest = arguments[0], arguments[1:]
    if kind in ("-m", "-c") and not rest:
        return f"argument expected for the {kind} option\n{USAGE}"
    if kind == "-m":
        try:
            found = importlib.util.find_spec(rest[0])
        except ModuleNotFoundError:
            found = None
        return None if found else f"No module named {rest[0]}"
    if kind in ("-c", "-") or os.path.exists(kind):
        return None
    if kind.startswith("-"):
        return f"unknown option {kind}\n{USAGE}"
    return f"can't open file {os.path.abspath(kind)!r}: [Errno 2] No such file or directory"


def main(arguments):
    """Run a script, a module, or a program's text, as the main program; returns an exit status."""
    if not arguments or arguments[0] in ("-h", "--help"):
        print(USAGE, file=sys.stdout if arguments else sys.stderr)
        return 0 if arguments else 2
    if arguments[0] == "warmup":
        return importlib.import_module(".warmup", __package__).main(arguments[1:])
    kind, rest = arguments[0], arguments[1:]
    of_text = kind in ("-c", "-")
    sys.path[0] = "" if of_text else os.getcwd() if kind == "-m" else _folder(kind)
    install_as_torch()
    sys.path.insert(1, STAND_IN)
    missing = _what_is_missing(arguments)
    if missing is not None:
        print(f"python -m numbatorch: {missing}", file=sys.stderr)
        return 1 if kind == "-m" and rest else 2
    if kind == "-m":
        sys.argv = rest
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    elif kind == "-c":
        sys.argv = ["-c", *rest[1:]]
        _run_source(rest[0], "<string>")
    elif kind == "-":
        sys.argv = arguments
        _run_source(sys.stdin.read(), "<stdin>")
    else:
        sys.argv = arguments
        runpy.run_path(kind, run_name="__main__")
    return 0


def _folder(script):
    return os.path.dirname(os.path.abspath(script))
