"""Where the chapters find their data.

`folder(name)` looks into the folder that the environment variable NUMBATORCH_DATA names, then into
`shared/data` beside the repository. A data set that is in neither is downloaded, once, into the
user's cache folder; every file is checked against `checksums.txt`.
"""

import os
import zipfile
from pathlib import Path

from tqdm import tqdm

from numbatorch.utils.download import download, is_intact

HERE = Path(__file__).resolve().parent
GITHUB = "https://raw.githubusercontent.com"

#: Data set -> the folder on the network, at a fixed commit, that holds its files.
FOLDERS = {
    "fsdd": (
        f"{GITHUB}/Jakobovski/free-spoken-digit-dataset/26eb9aaf76e81b692f806f9140c2d2777410d7a1"
    ),
    "multi30k": f"{GITHUB}/multi30k/dataset/a3d2e0d26b56f3846f66a952536ffed4e401d05a/data",
    "names": (
        f"{GITHUB}/spro/practical-pytorch/c520c52e68e945d88fff563dba1c028b6ec0197b/data/names"
    ),
    "tatoeba-en-fr": (
        f"{GITHUB}/NJUxlj/seq2seq-attention-translation/"
        "b20755b1c81f2d82526ab967dbc8ec6465f22f14/data"
    ),
    "tinyshakespeare": (
        f"{GITHUB}/karpathy/char-rnn/6f9487a6fe5b420b7ca9afb0d7c078e37c1d1b4e/data/tinyshakespeare"
    ),
}

POLARITY = (
    f"{GITHUB}/nltk/nltk_data/5db857e6f7df11eabb5e5665836db9ec8df07e28"
    "/packages/corpora/sentence_polarity.zip"
)
POLARITY_SHA256 = "6e1ed4405b65c7eabf1d199a7f7c437091ac21da0ea7467b410a74062574566b"


def root(name):
    """The first of the two places that has the data set, or None."""
    given = os.environ.get("NUMBATORCH_DATA")
    for place in [given, HERE.parent.parent / "shared" / "data"]:
        if place and (Path(place) / name).is_dir():
            return Path(place)
    return None


def folder(name):
    """The folder of a data set; RuntimeError where it is not there and cannot be downloaded."""
    place = root(name)
    return place / name if place else fetch(name, cache() / name)


def cache():
    """Where downloaded data sets are kept."""
    import pooch

    return Path(pooch.os_cache("numbatorch")) / "data"


def checksums(name):
    """[(file, SHA-256), ...] of a data set."""
    lines = (HERE / "checksums.txt").read_text().splitlines()
    pairs = [line.split("  ", 1) for line in lines]
    return [
        (path.removeprefix(f"{name}/"), digest)
        for digest, path in pairs
        if path.startswith(f"{name}/")
    ]


def fetch(name, target):
    """Download what is missing of a data set."""
    missing = [
        (file, f"sha256:{digest}")
        for file, digest in checksums(name)
        if not is_intact(target / file, f"sha256:{digest}")
    ]
    if missing and name == "sentence-polarity":
        archive = download(POLARITY, target / "polarity.zip", f"sha256:{POLARITY_SHA256}")
        with zipfile.ZipFile(archive) as files:
            for file, _ in missing:
                (target / file).write_bytes(files.read(f"sentence_polarity/{file}"))
        return target
    for file, digest in tqdm(missing, desc=name, disable=len(missing) < 10, leave=False):
        place = file.replace("task1-raw", "task1/raw")
        download(f"{FOLDERS[name]}/{place}", target / file, digest, progress=len(missing) < 10)
    return target
