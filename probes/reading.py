"""Reading rows: one stream of numbered rows, whatever the file, folder or hub dataset they come from."""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from probes.errors import DataError
from probes.files import user_path
from probes.opening import ALLOWED, FORMATS, PACKINGS, RawRow, missing_file, near_files, row_file

HUB_TIMEOUT = 5.0
"""Seconds the hub has to answer before it counts as out of reach."""

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*(/[\w.-]+)?(@[\w.-]+)?")


def read_rows(source: str, *, only: Collection[str] | None = None) -> Iterator[RawRow]:
    """Yield the rows of a source one by one, holding no more than a batch of them in memory.

    Parameters
    ----------
    source : str
        A file (CSV, TSV, JSON, JSON lines or Parquet, each also packed), a folder saved by `datasets`, or a hub id
        (``owner/name``, ``name``, or either with ``@config``). The parts of a dataset become a column ``split``.
    only : collection of str, optional
        The columns wanted: formats that store columns apart read no others.

    Yields
    ------
    RawRow
        Each row with its number, its line where the format has lines, and its values; a row that can't be read comes
        with its fault, so that the caller can stop or pass it over.

    Raises
    ------
    DataError
        Where the source as a whole can't be read.
    """
    path = _path(source)
    if path.is_dir():
        return _saved_rows(path, only)
    if path.exists():
        if not path.is_file():
            raise DataError(f"{source} is no regular file.", "Rows are read twice: write them to a file first.")
        return _file_rows(path, only)
    if is_hub_id(source):
        return _hub_rows(source, only)
    raise missing_file(path)


def _path(source: str) -> Path:
    """Return where a source would lie on this disk; refuse a folder that holds no dataset."""
    if not source.strip():
        raise DataError("No file of rows was named.", f"Give a file ({ALLOWED}), a saved dataset or a hub id.")
    path = user_path(source, DataError)
    marks = ("dataset_dict.json", "state.json")
    if path.is_dir() and not any(user_path(path / mark, DataError).is_file() for mark in marks):
        try:
            inside = sorted(e.name for e in path.iterdir() if e.suffix.lower() in FORMATS.keys() | PACKINGS.keys())
        except OSError:
            inside = []
        hint = f"Give one of its files, such as {path / inside[0]}." if inside else "Give a file of rows."
        raise DataError(f"{path} is a folder, and not one saved by `datasets`.", hint)
    return path


def is_hub_id(source: str) -> bool:
    """Whether a name that isn't on this disk reads like a dataset on the hub, and not like a mistyped file.

    Examples
    --------
    >>> is_hub_id("stanfordnlp/imdb"), is_hub_id("glue@sst2"), is_hub_id("data/rows.csv"), is_hub_id("rows.txt")
    (True, True, False, False)
    """
    if not _HUB_ID.fullmatch(source) or Path(source.split("/")[0]).is_dir():
        return False
    suffix = Path(source).suffix.lower()
    return not (suffix in FORMATS or suffix in PACKINGS or ("/" not in source and suffix and "@" not in source))


def content_digest(source: str) -> str:
    """Return a hex digest over the bytes of a file or folder, to know it again.

    A hub id is known by its name alone, so that nothing is downloaded to compute a cache key.

    Parameters
    ----------
    source : str
        As for `read_rows`.
    """
    path = _path(source)
    if path.is_dir():
        whole = hashlib.sha256(b"folder")
        for entry in sorted(path.rglob("*")):
            if entry.is_file():
                whole.update(f"\0{entry.relative_to(path).as_posix()}\0{_file_digest(entry)}".encode())
        return whole.hexdigest()
    if path.is_file():
        return _file_digest(path)
    if is_hub_id(source):
        return hashlib.sha256(f"hub\0{source}".encode()).hexdigest()
    raise missing_file(path)


def _file_digest(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"{path} could not be read: {error.strerror}.", "Check its permissions.") from error


def _file_rows(path: Path, only: Collection[str] | None) -> Iterator[RawRow]:
    """Hand a file to the reader of its format."""
    from probes import json_rows, tables

    file = row_file(path)
    if file.format == "parquet":
        return tables.parquet_rows(file, only)
    if file.format == "json":
        return json_rows.json_rows(file)
    if file.format == "jsonl":
        return json_rows.jsonl_rows(file)
    return tables.csv_rows(file)


def _saved_rows(path: Path, only: Collection[str] | None) -> Iterator[RawRow]:
    """Yield the rows of a folder that `datasets` saved."""
    import datasets

    try:
        found = datasets.load_from_disk(str(path))
    except Exception as error:  # whatever a broken folder makes datasets and Arrow raise
        raise DataError(f"{path} is a damaged dataset: {error}.", "Save it again with `save_to_disk`.") from error
    return _dataset_rows(str(path), found, only)


def _hub_rows(source: str, only: Collection[str] | None) -> Iterator[RawRow]:
    """Yield the rows of a dataset on the hub, or say within seconds why not."""
    import datasets

    name, _, config = source.partition("@")
    _ask_hub(source, name, config)
    try:
        found = datasets.load_dataset(name, config or None)
    except Exception as error:  # network, licence, format: too many kinds to name, all of them the source's
        reason = str(error).strip().split("\n")[0]
        remedy = "Check the id, or save the rows as a file and give that."
        if "onfig name" in reason:
            remedy = f"Name the configuration after an @: {name}@NAME. {' '.join(str(error).split())[:600]}"
        elif isinstance(error, OSError):
            remedy = f"{near_files(Path(source))} The hub is offline or out of reach. {_fetch(name, config)}".strip()
        raise DataError(f"{source} could not be loaded from the hub: {reason}.", remedy) from error
    return _dataset_rows(source, found, only)


def _fetch(name: str, config: str) -> str:
    """Say how to get a dataset of the hub as a folder."""
    what = f"'{name}', '{config}'" if config else f"'{name}'"
    code = f"import datasets; datasets.load_dataset({what}).save_to_disk('{name.split('/')[-1]}')"
    return f'On a machine with a network, run: python -c "{code}" and give the folder.'


def _ask_hub(source: str, name: str, config: str) -> None:
    """Raise within seconds if the hub doesn't answer or doesn't have the dataset; offline, leave it to the cache."""
    import huggingface_hub
    from huggingface_hub.errors import GatedRepoError, OfflineModeIsEnabled, RepositoryNotFoundError

    try:
        huggingface_hub.HfApi().dataset_info(name, timeout=HUB_TIMEOUT)
    except OfflineModeIsEnabled:
        return
    except GatedRepoError as error:
        raise DataError(
            f"{source} is gated on the hub.",
            f"Accept its terms at https://huggingface.co/datasets/{name}, then: hf auth login",
        ) from error
    except RepositoryNotFoundError as error:
        raise DataError(
            f"{source} is neither a file here nor a dataset on the hub.",
            f"{near_files(Path(source)) or 'Check the name.'} If the dataset is private, log in: hf auth login",
        ) from error
    except Exception as error:  # every other failure is one of the network
        raise DataError(
            f"{source} is no file here, and the hub could not be asked for it: {error}.",
            f"{near_files(Path(source)) or 'Check the path if you meant a file.'} If the dataset is in the cache, "
            f"set HF_HUB_OFFLINE=1. If not: {_fetch(name, config)}",
        ) from error


def _dataset_rows(source: str, found: Any, only: Collection[str] | None) -> Iterator[RawRow]:
    """Yield the rows of a Dataset, or of each part of a DatasetDict with the part's name as `split`."""
    from probes.tables import arrow_rows

    parts = dict(found) if isinstance(found, dict) else {None: found}
    if not sum(len(part) for part in parts.values()):
        raise DataError(f"{source} has no rows.", "Give a dataset with labelled rows.")
    numbers = itertools.count(1)
    for split, part in parts.items():
        names = {
            column: list(feature.names)
            for column, feature in part.features.items()
            if type(feature).__name__ == "ClassLabel" and feature.names
        }
        wanted = part if only is None else part.select_columns([name for name in part.column_names if name in only])
        batches = wanted.with_format("arrow").iter(batch_size=1000)
        yield from arrow_rows(batches, names, numbers, None if split is None else {"split": split})
