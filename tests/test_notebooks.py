"""Every chapter has the parts that a reader counts on, checks itself, and is stored without output."""

import ast
import importlib
import json
import re
import shutil
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parent.parent / "notebooks"
CHAPTERS = sorted(FOLDER.glob("*.ipynb"))

SECTIONS = [
    "## What you will learn",
    "## The mathematics",
    "## Down to the kernel",
    "## Exercises",
    "## Answers",
    "## Where to read next",
]


@pytest.fixture(params=CHAPTERS, ids=lambda path: path.stem)
def notebook(request):
    return json.loads(request.param.read_text(encoding="utf-8"))


def sources(notebook, kind):
    return ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == kind]


def test_there_are_chapters():
    assert CHAPTERS


def test_sections_in_order(notebook):
    text = "\n".join(sources(notebook, "markdown"))
    assert text.startswith("# ")
    places = [text.find(f"\n{section}\n") for section in SECTIONS]
    missing = [section for section, place in zip(SECTIONS, places) if place < 0]
    assert not missing
    assert places[0] == min(places)
    assert places[-3:] == sorted(places)[-3:]


def test_has_formulas_and_exercises(notebook):
    text = "\n".join(sources(notebook, "markdown"))
    assert text.count("$$") >= 2
    exercises = text.split("\n## Exercises\n")[1].split("\n## Answers\n")[0]
    assert exercises.count("\n1. ") == 1
    assert "\n2. " in exercises


def section(notebook, title):
    """The cells from a heading to the next one of its level: [(kind, source), ...]."""
    cells, inside = [], False
    for cell in notebook["cells"]:
        kind, text = cell["cell_type"], "".join(cell["source"])
        if kind != "markdown":
            cells += [(kind, text)] if inside else []
            continue
        for part in re.split(r"^(?=## )", text, flags=re.M):
            if part.startswith("## "):
                inside = part.splitlines()[0] == title
            if inside:
                cells.append((kind, part))
    return cells


def test_every_exercise_has_an_answer(notebook):
    exercises = "\n".join(text for _, text in section(notebook, "## Exercises"))
    answers = "\n".join(text for _, text in section(notebook, "## Answers"))
    asked = re.findall(r"^(\d+)\. ", exercises, re.M)
    assert asked == [str(number + 1) for number in range(len(asked))]
    answered = re.findall(r"^(?:# )?(\d+)\\?\.(?: |$)", answers, re.M)
    assert sorted(set(answered), key=int) == asked


def test_opens_an_op_down_to_its_kernel(notebook):
    code = "\n".join(
        text for kind, text in section(notebook, "## Down to the kernel") if kind == "code"
    )
    named = "kernels" in code or "formulas" in code
    shown = "getsource" in code or "getdoc" in code or "%%writefile" in code
    assert named and shown or "explain(" in code  # the compiler shows a kernel that it wrote


def test_draws(notebook):
    code = "\n".join(sources(notebook, "code"))
    assert "plt.subplots(" in code or "plt.figure(" in code


def test_says_what_to_learn_and_where_to_read_on(notebook):
    learn = "\n".join(text for _, text in section(notebook, "## What you will learn"))
    assert learn.count("\n- ") >= 3
    further = "\n".join(text for _, text in section(notebook, "## Where to read next"))
    assert further.count("\n- ") >= 2
    assert "](http" in further


def test_asserts_its_results(notebook):
    cells = [cell for cell in sources(notebook, "code") if not cell.startswith("%%")]
    code = "\n".join(cells)
    asserts = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Assert)]
    assert len(asserts) >= 3


def test_is_stored_without_output(notebook):
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            assert cell["outputs"] == []
            assert cell["execution_count"] is None


def test_runs_in_any_python_3_kernel(notebook):
    assert notebook["metadata"]["kernelspec"]["name"] == "python3"
    assert "/" not in json.dumps(notebook["metadata"])


def test_pictures_without_labels_are_noticed(capsys, tmp_path, monkeypatch):
    pytest.importorskip("nbclient")
    pyplot = pytest.importorskip("matplotlib.pyplot")
    monkeypatch.syspath_prepend(FOLDER.parent / "tests")
    canvas = importlib.import_module("matplotlib.backends.backend_agg").FigureCanvasAgg
    monkeypatch.setattr(canvas, "print_figure", canvas.print_figure)  # put back afterwards
    exec(importlib.import_module("notebooks").LABELS_ARE_CHECKED, {})
    figure, axes = pyplot.subplots()
    axes.plot([1, 2], [3, 4])
    for labels, expected in [({}, "xy"), ({"xlabel": "step"}, "y"), ({"ylabel": "loss"}, "")]:
        axes.set(**labels)
        figure.savefig(tmp_path / "figure.png")
        lines = capsys.readouterr().err.splitlines()
        assert [line.split("along ")[1][0] for line in lines] == list(expected)
    axes.set(xlabel="", ylabel="", xticks=[], yticks=[0, 1], yticklabels=["cat", "dog"])
    figure.savefig(tmp_path / "figure.png")
    pyplot.close(figure)
    assert capsys.readouterr().err == ""


class TestData:
    """Where the chapters find their data: notebooks/data.py."""

    @pytest.fixture
    def data(self, monkeypatch, tmp_path):
        monkeypatch.syspath_prepend(FOLDER)
        data = importlib.import_module("data")
        copy = tmp_path / "book" / "notebooks"
        copy.mkdir(parents=True)
        shutil.copy(FOLDER / "checksums.txt", copy)
        monkeypatch.setattr(data, "HERE", copy)
        monkeypatch.setenv("NUMBATORCH_DATA", str(tmp_path / "given"))
        monkeypatch.setattr(data, "cache", lambda: tmp_path / "cache")
        yield data
        sys.modules.pop("data")

    def test_the_given_folder_comes_first(self, data, tmp_path):
        assert data.root("names") is None
        beside = tmp_path / "shared" / "data"
        (beside / "names").mkdir(parents=True)
        assert data.folder("names") == beside / "names"
        (tmp_path / "given" / "names").mkdir(parents=True)
        assert data.folder("names") == tmp_path / "given" / "names"
        assert data.root("mnist") is None

    def test_what_is_in_neither_is_downloaded_and_checked(self, data, monkeypatch):
        asked = []
        monkeypatch.setattr(data, "is_intact", lambda path, digest: path.name == "Arabic.txt")
        monkeypatch.setattr(
            data, "download", lambda url, path, digest, progress: asked.append((url, path, digest))
        )
        folder = data.folder("names")
        assert len(asked) == len(data.checksums("names")) - 1 > 10
        for url, path, digest in asked:
            assert url == f"{data.FOLDERS['names']}/{path.name}" and path.parent == folder
            assert re.fullmatch("sha256:[0-9a-f]{64}", digest)

    def test_no_network(self, data, monkeypatch):
        pytest.importorskip("pooch")
        monkeypatch.setattr(data, "FOLDERS", {"fsdd": "http://127.0.0.1:9"})
        with pytest.raises(RuntimeError, match="could not be downloaded"):
            data.folder("fsdd")

    def test_every_data_set_has_checksums(self, data):
        for name in [*data.FOLDERS, "sentence-polarity"]:
            assert data.checksums(name), name
