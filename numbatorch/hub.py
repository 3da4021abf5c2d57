"""Models by name (`torch.hub`): from local folders, and weights from files and URLs.

No code is ever downloaded: a repository has to lie in a local folder, or in the cache from before.
"""

import hashlib
import importlib.util
import os
import re
import shutil
import sys
import tempfile
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from urllib.parse import urlparse  # noqa: F401 (programs import it from here)

from tqdm import tqdm

from .serialization import load as _load_file

HASH_REGEX = re.compile(r"-([a-f0-9]*)\.")
_directory = None


def _get_torch_home():
    """TORCH_HOME, or ~/.cache/torch."""
    cache = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    return os.path.expanduser(os.environ.get("TORCH_HOME", os.path.join(cache, "torch")))


def get_dir():
    """Where repositories and weights are kept: TORCH_HOME/hub, ~/.cache/torch/hub, or as set."""
    return _directory or os.path.join(_get_torch_home(), "hub")


def set_dir(d):
    """Keep repositories and weights in `d`."""
    global _directory
    _directory = os.path.expanduser(d)


# Models -------------------------------------------------------------------------------------------


def load(
    repo_or_dir, model, *args, source="github", trust_repo="check", force_reload=False,
    verbose=True, skip_validation=False, **kwargs,
):  # fmt: skip
    """model(*args, **kwargs) of a repository's `hubconf.py`."""
    return _entry_point(_hubconf(repo_or_dir, source), model)(*args, **kwargs)


def list(github, force_reload=False, skip_validation=False, trust_repo="check", verbose=True):
    """The names of the models that a repository's `hubconf.py` offers."""
    path = Path(github)
    conf = _hubconf(github, "local" if path.is_dir() else "github")
    return [name for name, item in vars(conf).items() if callable(item) and name[0] != "_"]


def help(github, model, force_reload=False, skip_validation=False, trust_repo="check"):
    """The docstring of a model of a repository."""
    path = Path(github)
    return _entry_point(_hubconf(github, "local" if path.is_dir() else "github"), model).__doc__


def _hubconf(repository, source):
    """The module `hubconf` of a local or cached repository."""
    if source not in ("github", "local"):
        raise ValueError(f'Unknown source: "{source}". Allowed values: "github" | "local".')
    folder = Path(repository) if source == "local" else _cached(repository)
    path = folder / "hubconf.py"
    if not path.is_file():
        raise FileNotFoundError(f"there is no {path}")
    spec = importlib.util.spec_from_file_location("hubconf", path)
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(folder))
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(folder))
    missing = [
        name for name in getattr(module, "dependencies", [])
        if name.split(".")[0] not in sys.modules and importlib.util.find_spec(name) is None
    ]  # fmt: skip
    if missing:
        raise RuntimeError(f"Missing dependencies: {', '.join(missing)}")
    return module


def _cached(repository):
    """The folder of a GitHub repository "owner/name:ref" in the cache."""
    name, _, reference = repository.partition(":")
    owner, _, project = name.partition("/")
    if not owner or not project:
        raise ValueError(f"expected a repository 'owner/name[:ref]', but got '{repository}'")
    for candidate in [reference] if reference else ["main", "master"]:
        folder = Path(get_dir()) / "_".join([owner, project, candidate]).replace("/", "_")
        if folder.is_dir():
            return folder
    raise RuntimeError(
        f"torch.hub: '{repository}' is not in the cache {get_dir()}, and numbatorch downloads no "
        "code: clone the repository and pass its folder with source='local'"
    )


def _entry_point(module, name):
    function = getattr(module, name, None)
    if not isinstance(name, str):
        raise ValueError("Invalid input: model should be a string of function name")
    if not callable(function):
        raise RuntimeError(f"Cannot find callable {name} in hubconf")
    return function


# Files --------------------------------------------------------------------------------------------


def download_url_to_file(url, dst, hash_prefix=None, progress=True):
    """Download `url` into the file `dst`; RuntimeError where its SHA-256 does not begin as told."""
    dst = os.path.expanduser(dst)
    request = urllib.request.Request(url, headers={"User-Agent": "numbatorch.hub"})
    try:
        response = urllib.request.urlopen(request)
    except urllib.error.HTTPError:
        raise
    except OSError as error:
        raise urllib.error.URLError(f"cannot download {url}: {error}") from error
    digest = hashlib.sha256()
    with (
        response,
        tempfile.NamedTemporaryFile(dir=os.path.dirname(dst) or ".", delete=False) as file,
    ):
        try:
            total = response.headers.get("Content-Length")
            with tqdm(
                total=int(total) if total else None, disable=not progress, unit="B",
                unit_scale=True, unit_divisor=1024,
            ) as bar:  # fmt: skip
                while block := response.read(1 << 17):
                    file.write(block)
                    digest.update(block)
                    bar.update(len(block))
            file.close()
            if hash_prefix and not digest.hexdigest().startswith(hash_prefix):
                raise RuntimeError(
                    f'invalid hash value (expected "{hash_prefix}", got "{digest.hexdigest()}")'
                )
            shutil.move(file.name, dst)
        finally:
            if os.path.exists(file.name):
                os.remove(file.name)


def load_state_dict_from_url(
    url, model_dir=None, map_location=None, progress=True, check_hash=False, file_name=None,
    weights_only=False,
):  # fmt: skip
    """What `torch.load` finds in the file at `url`, which is downloaded once into `model_dir`."""
    folder = model_dir or os.path.join(get_dir(), "checkpoints")
    os.makedirs(folder, exist_ok=True)
    name = file_name or os.path.basename(urllib.parse.urlparse(url).path)
    path = os.path.join(folder, name)
    if not os.path.exists(path):
        sys.stderr.write(f'Downloading: "{url}" to {path}\n')
        found = HASH_REGEX.search(name) if check_hash else None
        download_url_to_file(url, path, found.group(1) if found else None, progress)
    return _load_file(path, map_location=map_location, weights_only=weights_only)
