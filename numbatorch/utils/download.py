"""Fetch a file of known contents: checked, resumed after a break, never half there.

The library behind it is pooch, which comes with `pip install numbatorch[vision]`.
"""

import errno
import os
from pathlib import Path

from tqdm import tqdm

_BLOCK = 1 << 16


def download(urls, path, digest, progress=True):
    """Make `path` a file with this digest ("md5:..." or "sha256:..."), from the first URL that has it.

    A file that is already there and has the digest is kept. What a broken connection left behind is
    kept as `path.part` and continued by the next call. RuntimeError where no URL gives the file;
    OSError where it cannot be written. Either way `path` is not touched.
    """
    pooch = _pooch()
    path = Path(path)
    part = path.with_name(path.name + ".part")
    failures = []
    for url in [urls] if isinstance(urls, str) else urls:
        try:
            pooch.retrieve(
                url, digest, fname=path.name, path=path.parent, downloader=_Resuming(part, progress)
            )
        except ValueError as error:  # pooch deleted the file; its message tells both digests
            failures.append(f"{url}: {error}")
        except _connection_errors() as error:
            failures.append(f"{url}: {error}")
        except OSError as error:
            if error.errno == errno.ENOSPC:
                part.unlink(missing_ok=True)
            raise type(error)(
                error.errno, f"{os.strerror(error.errno)} while downloading {url}", str(path)
            ) from error
        else:
            return path
    tried = "\n  ".join(failures)
    raise RuntimeError(f"{path.name} could not be downloaded to {path.parent}:\n  {tried}")


def is_intact(path, digest):
    """Whether `path` is a file with this digest."""
    algorithm, _, expected = digest.partition(":")
    return Path(path).is_file() and _pooch().file_hash(str(path), alg=algorithm) == expected


def _pooch():
    try:
        import pooch
    except ImportError as error:
        raise ImportError("downloading needs pooch: pip install 'numbatorch[vision]'") from error
    pooch.get_logger().setLevel("WARNING")
    return pooch


def _connection_errors():
    import requests

    return (requests.exceptions.RequestException,)


class _Resuming:
    """A downloader for pooch that collects the file in `part` and goes on where it stopped."""

    def __init__(self, part, progress):
        self.part = part
        self.progress = progress

    def __call__(self, url, output_file, pooch):
        import requests

        done = self.part.stat().st_size if self.part.exists() else 0
        headers = {"Accept-Encoding": "identity"}
        if done:
            headers["Range"] = f"bytes={done}-"
        with requests.get(url, headers=headers, stream=True, timeout=30) as response:
            if response.status_code == requests.codes.requested_range_not_satisfiable:
                self.part.unlink()
                return self(url, output_file, pooch)
            response.raise_for_status()
            if response.status_code != requests.codes.partial_content:
                done = 0
            self._write(response, done)
        os.replace(self.part, output_file)
        return None

    def _write(self, response, done):
        left = response.headers.get("Content-Length")
        bar = tqdm(
            total=done + int(left) if left else None, initial=done, unit="B", unit_scale=True,
            desc=self.part.stem, disable=not self.progress, leave=False,
        )  # fmt: skip
        with bar, open(self.part, "ab" if done else "wb") as file:
            for block in response.iter_content(_BLOCK):
                file.write(block)
                bar.update(len(block))
