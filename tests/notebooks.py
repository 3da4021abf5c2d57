"""Run every chapter of the book in a clean kernel: `python tests/notebooks.py [name ...]`.

A chapter fails where a cell raises, where something is written to stderr other than a progress bar
(a warning, that is), where an output is longer than a reader would read, and where a picture has numbers
along an axis but does not say of what. `--html FOLDER` keeps
the executed chapters as pages, `--save FOLDER` as notebooks with their outputs. Needs `pip install numbatorch[notebooks]`.
"""

import argparse
import os
import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "notebooks"

#: Seconds that a cell may take on a slow machine with a cold kernel cache.
TIMEOUT = 900
MOST_LINES = 60


def chapters(names):
    """The notebooks whose file names start with one of `names`; all of them without names."""
    found = sorted(FOLDER.glob("*.ipynb"))
    return [path for path in found if not names or path.stem.startswith(tuple(names))]


#: Run before the first cell: says on stderr which axes of a figure that is shown have no label.
LABELS_ARE_CHECKED = """
def _checked():
    import sys

    from matplotlib.backends.backend_agg import FigureCanvasAgg

    def is_number(text):
        text = text.get_text().replace("\N{MINUS SIGN}", "-").strip("$\\\\mathdefault{}")
        return text.replace(".", "").replace("-", "").isdigit()

    def check(figure):
        for side in "xy":
            axes = [a for a in figure.axes if a.axison and getattr(a, f"get_{side}axis")().get_visible()]
            numbered = [a for a in axes if any(map(is_number, getattr(a, f"get_{side}ticklabels")()))]
            named = [a for a in figure.axes if getattr(a, f"get_{side}label")()]
            if numbered and not named and not getattr(figure, f"_sup{side}label", None):
                print(f"a picture has numbers along {side} and no label", file=sys.stderr)

    draw = FigureCanvasAgg.print_figure

    def print_figure(self, *args, **kwargs):
        result = draw(self, *args, **kwargs)
        check(self.figure)
        return result

    FigureCanvasAgg.print_figure = print_figure


_checked()
"""


def execute(notebook):
    """Fill in the outputs; CellExecutionError where a cell raises, CellTimeoutError where it hangs."""
    check = nbformat.v4.new_code_cell(LABELS_ARE_CHECKED)
    notebook.cells.insert(0, check)
    try:
        _client(notebook).execute()
    finally:
        notebook.cells.remove(check)


def _client(notebook):
    return NotebookClient(
        notebook,
        timeout=TIMEOUT,
        kernel_name="python3",
        resources={"metadata": {"path": FOLDER}},
        extra_arguments=["--log-level=ERROR"],
    )


def complaints(notebook):
    """What a reader of the executed notebook would stumble over."""
    for number, cell in enumerate(notebook.cells):
        for output in cell.get("outputs", []):
            text = output.get("text", "") or output.get("data", {}).get("text/plain", "")
            if output.get("name") == "stderr" and "\r" not in text:
                yield f"cell {number} writes to stderr: {text.strip()[:500]}"
            shows_only_text = not {"text/html", "image/png", "image/svg+xml"} & set(
                output.get("data", {})
            )
            if shows_only_text and text.count("\n") > MOST_LINES:
                yield f"cell {number} prints {text.count(chr(10))} lines"


def write_page(notebook, path):
    from nbconvert import HTMLExporter

    page, _ = HTMLExporter().from_notebook_node(notebook)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page, encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="how the file names of the chapters start")
    parser.add_argument("--html", type=Path, help="folder for the executed chapters as pages")
    parser.add_argument("--save", type=Path, help="folder for them as notebooks")
    options = parser.parse_args()
    python_path = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    os.environ["PYTHONPATH"] = os.pathsep.join(python_path)  # the kernels inherit it
    failed, begin = [], time.perf_counter()
    for path in chapters(options.names):
        start = time.perf_counter()
        notebook = nbformat.read(path, as_version=4)
        try:
            execute(notebook)
            problems = list(complaints(notebook))
        except (CellExecutionError, CellTimeoutError) as error:
            problems = [str(error)]
        if options.html:
            write_page(notebook, options.html / f"{path.stem}.html")
        if options.save and not problems:
            options.save.mkdir(parents=True, exist_ok=True)
            nbformat.write(notebook, options.save / path.name)
        seconds = time.perf_counter() - start
        print(f"{path.stem:40s} {seconds:6.1f} s  {'FAILED' if problems else 'ok'}", flush=True)
        for problem in problems:
            print(f"    {problem}", flush=True)
        failed += [path.stem] if problems else []
    print(f"total {time.perf_counter() - begin:.1f} s")
    return f"failed: {', '.join(failed)}" if failed else 0


if __name__ == "__main__":
    sys.exit(main())
