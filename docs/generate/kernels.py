"""One page per kernel family: the files of both devices, and pages of what they are built on."""

from .pages import docstring, fenced, folded, table, toctree, write_if_changed
from .sources import FAMILIES, PACKAGE, kernel_functions, kernel_path, module_docstring


def write(folder):
    """The pages of all kernel families, and their index."""
    for family in FAMILIES:
        write_if_changed(folder / f"{family}.md", family_page(family))
    for path in helpers():
        write_if_changed(folder / f"{path.stem}.md", helper_page(path))
    write_if_changed(folder / "index.md", index_page())


def helpers():
    """Files that only the CPU has: techniques that the families choose by shape and host."""
    return [
        path
        for path in sorted((PACKAGE / "cpu_kernels").glob("*.py"))
        if path.stem not in (*FAMILIES, "__init__")
    ]


def family_page(family):
    parts = [f"# {_title(family)}"]
    for device, name in (("cpu", "On the CPU"), ("cuda", "On CUDA")):
        path = kernel_path(device, family)
        functions = ", ".join(f"`{name}`" for name in kernel_functions(device, family))
        parts += [
            f"## {name}",
            docstring(module_docstring(path)),
            f"Functions: {functions}." if functions else "",
            folded(
                f"{device}_kernels/{family}.py, {path.read_text().count(chr(10))} lines",
                fenced(path.read_text()),
            ),
        ]
    return "\n\n".join([*filter(None, parts), ""])


def helper_page(path):
    return "\n\n".join(
        [f"# {_title(path.stem)}", docstring(module_docstring(path)), fenced(path.read_text()), ""]
    )


def index_page():
    rows = [(f"[{_title(f)}]({f}.md)", _first_line(kernel_path("cpu", f))) for f in FAMILIES]
    cpu_only = [(f"[{_title(p.stem)}]({p.stem}.md)", _first_line(p)) for p in helpers()]
    return "\n\n".join([
        "# Every kernel",
        "A kernel is a Python function that Numba compiles. Each family has one file for the CPU and "
        "one for CUDA, with the same names and signatures.",
        toctree([*FAMILIES, *(path.stem for path in helpers())], hidden=True),
        table(["family", "what it holds"], rows),
        "## What only the CPU has",
        "Faster bodies that the families choose by shape and processor, and what they stand on.",
        table(["file", "what it holds"], cpu_only),
        "",
    ])  # fmt: skip


def _first_line(path):
    return docstring(module_docstring(path).split("\n\n")[0]).replace("\n", " ")


def _title(family):
    return family.replace("_", " ").capitalize().replace("Gemm", "GEMM")
