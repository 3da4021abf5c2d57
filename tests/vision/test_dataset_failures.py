"""Every dataset that is downloaded, where the network, the server, the file or the disk fails."""

import errno
import hashlib
import io
import os
import pickle
import tarfile
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from numbatorch.utils import download as downloads
from numbatorch.vision import datasets

pytest.importorskip("pooch")

NOBODY = "http://127.0.0.1:9/"


def mnist_files(kind):
    """Name -> content of the files that the server has for a kind of MNIST."""
    return {file: (datasets.mnist.EMBEDDED / file).read_bytes() for file, _ in kind.resources}


def emnist_files(kind):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as files:
        for name, content in mnist_files(datasets.KMNIST).items():
            split = "train" if name.startswith("train") else "test"
            files.writestr(f"gzip/emnist-letters-{split}-{name.split('-', 1)[1]}", content)
        files.writestr("gzip/readme.txt", "not wanted")
    return {"gzip.zip": packed.getvalue()}


def cifar_files(kind):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as files:
        for split in kind.files.values():
            for name in split:
                data = np.zeros((2, 3072), np.uint8)
                content = pickle.dumps({"data": data, kind.key: [1, 2]}, protocol=2)
                entry = tarfile.TarInfo(f"{kind.base_folder}/{name}")
                entry.size = len(content)
                files.addfile(entry, io.BytesIO(content))
    return {kind.url.rpartition("/")[2]: packed.getvalue()}


KINDS = {
    datasets.MNIST: mnist_files,
    datasets.FashionMNIST: mnist_files,
    datasets.KMNIST: mnist_files,
    datasets.EMNIST: emnist_files,
    datasets.CIFAR10: cifar_files,
    datasets.CIFAR100: cifar_files,
}


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        content = self.server.contents[self.path.lstrip("/")]
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def server():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(params=KINDS, ids=lambda kind: kind.__name__)
def kind(request, server, monkeypatch):
    """A dataset whose files and checksums are those of the server."""
    kind, contents = request.param, KINDS[request.param](request.param)
    server.contents = contents
    base = f"http://127.0.0.1:{server.server_port}/"
    digests = {name: hashlib.md5(content).hexdigest() for name, content in contents.items()}
    if kind in (datasets.CIFAR10, datasets.CIFAR100):
        (archive,) = contents
        monkeypatch.setattr(kind, "url", base + archive)
        monkeypatch.setattr(kind, "tgz_md5", digests[archive])
        batch = hashlib.md5(
            pickle.dumps({"data": np.zeros((2, 3072), np.uint8), kind.key: [1, 2]}, protocol=2)
        ).hexdigest()
        files = {split: dict.fromkeys(names, batch) for split, names in kind.files.items()}
        monkeypatch.setattr(kind, "files", files)
    elif kind is datasets.EMNIST:
        monkeypatch.setattr(kind, "url", base + "gzip.zip")
        monkeypatch.setattr(kind, "md5", digests["gzip.zip"])
    else:
        monkeypatch.setattr(kind, "mirrors", [base])
        monkeypatch.setattr(kind, "resources", list(digests.items()))
    return kind


def opened(kind, root, **options):
    extra = {"split": "letters"} if kind is datasets.EMNIST else {}
    return kind(root, train=False, **extra, **options)


def files_below(root):
    return sorted(path for path in root.rglob("*") if path.is_file())


def test_a_download_is_read_and_kept(kind, server, tmp_path):
    found = opened(kind, tmp_path, download=True)
    assert len(found) == (2 if kind in (datasets.CIFAR10, datasets.CIFAR100) else 1000)
    image, label = found[0]
    assert image.size in ((28, 28), (32, 32)) and isinstance(label, int)
    server.contents = {}
    assert len(opened(kind, tmp_path, download=True)) == len(found)  # nobody is asked again
    assert len(opened(kind, tmp_path)) == len(found)


def test_no_network(kind, tmp_path, monkeypatch):
    monkeypatch.setattr(kind, "url", NOBODY + "archive", raising=False)
    monkeypatch.setattr(kind, "mirrors", [NOBODY], raising=False)
    with pytest.raises(RuntimeError, match=r"could not be downloaded(?s:.)*127\.0\.0\.1:9"):
        opened(kind, tmp_path, download=True)
    assert files_below(tmp_path) == []


def test_a_wrong_checksum(kind, server, tmp_path):
    server.contents = dict.fromkeys(server.contents, b"another file")
    with pytest.raises(RuntimeError, match=r"could not be downloaded(?s:.)*(hash|match)"):
        opened(kind, tmp_path, download=True)
    assert files_below(tmp_path) == []


def test_a_truncated_file_is_named_and_mended(kind, tmp_path):
    opened(kind, tmp_path, download=True)
    for path in files_below(tmp_path):
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(RuntimeError, match="damaged|is no"):
        opened(kind, tmp_path)
    if kind is not datasets.EMNIST:  # it publishes no checksums of the single files
        assert len(opened(kind, tmp_path, download=True)) > 0


def full_disk(*arguments, **options):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


class FullDisk(io.FileIO):
    """A file that takes a few bytes and then no more."""

    def write(self, block):
        super().write(block[:10])
        full_disk()


def test_a_full_disk_while_downloading(kind, tmp_path, monkeypatch):
    monkeypatch.setattr(downloads, "open", FullDisk, raising=False)
    with pytest.raises(OSError, match="No space left on device while downloading http"):
        opened(kind, tmp_path, download=True)
    assert files_below(tmp_path) == []


class Interrupted(io.FileIO):
    """A file during whose writing somebody presses Ctrl-C."""

    def write(self, block):
        super().write(block[:10])
        raise KeyboardInterrupt


def test_an_interrupted_download_is_gone_on_with(kind, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(downloads, "open", Interrupted, raising=False)
        with pytest.raises(KeyboardInterrupt):
            opened(kind, tmp_path, download=True)
    (left,) = files_below(tmp_path)
    assert left.suffix == ".part" and left.stat().st_size == 10
    assert len(opened(kind, tmp_path, download=True)) > 0
    assert not list(tmp_path.rglob("*.part"))


@pytest.mark.parametrize(
    "kind", [datasets.EMNIST, datasets.CIFAR10, datasets.CIFAR100], indirect=True,
    ids=lambda kind: kind.__name__,
)  # fmt: skip
def test_an_interrupted_unpacking_leaves_the_archive(kind, tmp_path, monkeypatch):
    def interrupt(*arguments, **options):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("shutil.copyfileobj", interrupt)
        patch.setattr("tarfile.copyfileobj", interrupt)
        with pytest.raises(KeyboardInterrupt):
            opened(kind, tmp_path, download=True)
    assert len(files_below(tmp_path)) == 1
    assert len(opened(kind, tmp_path, download=True)) > 0


@pytest.mark.parametrize(
    "kind", [datasets.EMNIST, datasets.CIFAR10, datasets.CIFAR100], indirect=True,
    ids=lambda kind: kind.__name__,
)  # fmt: skip
def test_a_full_disk_while_unpacking(kind, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr("shutil.copyfileobj", full_disk)
        patch.setattr("tarfile.copyfileobj", full_disk)
        with pytest.raises(OSError, match="No space left on device while unpacking"):
            opened(kind, tmp_path, download=True)
    assert len(files_below(tmp_path)) == 1  # the archive, which is whole
    assert not list(tmp_path.rglob("tmp*"))
    assert len(opened(kind, tmp_path, download=True)) > 0


def test_emnist_knows_its_splits(tmp_path):
    with pytest.raises(ValueError, match="Unknown value 'all' for argument split"):
        datasets.EMNIST(tmp_path, "all")
    counts = {split: len(classes) for split, classes in datasets.EMNIST.classes_split_dict.items()}
    assert counts == {
        "byclass": 62, "bymerge": 47, "balanced": 47, "letters": 27, "digits": 10, "mnist": 10,
    }  # fmt: skip
    with pytest.raises(RuntimeError, match="emnist-digits-train-images-idx3-ubyte"):
        datasets.EMNIST(tmp_path, "digits")
