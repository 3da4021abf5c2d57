"""Build the site: `python docs/build.py` writes build/site; open build/site/index.html.

Needs the dependency group `docs` of pyproject.toml. `--executed FOLDER` takes chapters with their
outputs from there, where `python tests/notebooks.py --save FOLDER` put them. A warning is an error,
and so is a link that leads nowhere and anything that a page would load from another server.
"""

import argparse
import sys
from pathlib import Path

from check_links import complaints
from generate import ROOT, generate
from sphinx.cmd.build import main as sphinx


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--executed", type=Path, help="folder with executed chapters")
    parser.add_argument("--output", type=Path, default=ROOT / "build" / "site")
    options = parser.parse_args()
    generate(options.executed)
    # -a: what draws the pages may have changed where their sources have not
    arguments = ["-W", "--keep-going", "-q", "-a", "-d", ROOT / "build" / "site-trees"]
    failed = sphinx([*map(str, arguments), str(ROOT / "docs"), str(options.output)])
    problems = complaints(options.output)
    print(*problems, sep="\n", end="\n" if problems else "")
    print(f"{len(list(options.output.rglob('*.html')))} pages in {options.output}")
    return 1 if failed or problems else 0


if __name__ == "__main__":
    sys.exit(main())
