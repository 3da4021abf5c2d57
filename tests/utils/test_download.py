"""Downloads over a small local server that breaks off, lies, or is not there."""

import errno
import hashlib
import os
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from numbatorch.utils import download as module
from numbatorch.utils.download import download, is_intact

pytest.importorskip("pooch")

CONTENT = bytes(range(256)) * 1000
DIGEST = f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.ranges.append(self.headers.get("Range"))
        if self.path == "/missing":
            self.send_error(404)
            return
        begin = 0
        if self.headers.get("Range") and self.path != "/no-ranges":
            begin = int(self.headers["Range"].removeprefix("bytes=").rstrip("-"))
        if begin >= len(CONTENT):
            self.send_error(416)
            return
        body = CONTENT[begin:]
        self.send_response(206 if begin else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.path == "/breaks" and self.server.breaks > 0:
            self.server.breaks -= 1
            body = body[: len(body) // 2]
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def server():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.ranges, server.breaks = [], 0
    server.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_file_is_fetched_once(server, tmp_path):
    path = tmp_path / "deep" / "file"
    assert download(f"{server.url}/file", path, DIGEST, progress=False) == path
    assert path.read_bytes() == CONTENT
    assert is_intact(path, DIGEST)
    download(f"{server.url}/file", path, DIGEST, progress=False)
    assert len(server.ranges) == 1
    assert os.listdir(path.parent) == ["file"]


def test_a_truncated_file_is_fetched_anew(server, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(CONTENT[:100])
    assert not is_intact(path, DIGEST)
    download(f"{server.url}/file", path, DIGEST, progress=False)
    assert path.read_bytes() == CONTENT


@pytest.mark.parametrize("address", ["/breaks", "/no-ranges"])
def test_a_broken_connection_is_resumed(server, tmp_path, address):
    path = tmp_path / "file"
    server.breaks = 1
    with pytest.raises(RuntimeError, match="could not be downloaded"):
        download(f"{server.url}/breaks", path, DIGEST, progress=False)
    assert not path.exists()
    half = (tmp_path / "file.part").stat().st_size
    assert 0 < half < len(CONTENT)
    download(f"{server.url}{address}", path, DIGEST, progress=False)
    assert server.ranges[-1] == f"bytes={half}-"
    assert path.read_bytes() == CONTENT
    assert os.listdir(tmp_path) == ["file"]


def test_a_part_that_is_too_long_is_dropped(server, tmp_path):
    (tmp_path / "file.part").write_bytes(CONTENT * 2)
    download(f"{server.url}/file", tmp_path / "file", DIGEST, progress=False)
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_a_wrong_checksum_leaves_nothing(server, tmp_path):
    wrong = "sha256:" + "0" * 64
    with pytest.raises(RuntimeError, match="SHA256 hash|does not match"):
        download(f"{server.url}/file", tmp_path / "file", wrong, progress=False)
    assert os.listdir(tmp_path) == []


def test_the_next_mirror_is_tried(server, tmp_path):
    urls = [f"{server.url}/missing", "http://127.0.0.1:9/nobody", f"{server.url}/file"]
    download(urls, tmp_path / "file", DIGEST, progress=False)
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_no_network(tmp_path):
    with pytest.raises(RuntimeError, match=r"(?s)file could not be downloaded.*127\.0\.0\.1:9"):
        download("http://127.0.0.1:9/file", tmp_path / "file", DIGEST, progress=False)
    assert os.listdir(tmp_path) == []


def test_a_full_disk(server, tmp_path, monkeypatch):
    def write(self, response, done):
        self.part.write_bytes(b"some")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(module._Resuming, "_write", write)
    with pytest.raises(OSError, match="No space left on device while downloading http"):
        download(f"{server.url}/file", tmp_path / "file", DIGEST, progress=False)
    assert os.listdir(tmp_path) == []
