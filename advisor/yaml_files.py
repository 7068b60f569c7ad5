"""Small YAML files the user writes: read safely, with one clear message for every way they can be wrong."""

from __future__ import annotations

import re
import reprlib
from pathlib import Path
from typing import Any

from probes.errors import SettingError
from probes.files import user_path

LARGEST_FILE = 1_000_000
"""Bytes; more is no file of settings but data given in the wrong place."""


def read_mapping(path: Path, noun: str, remedy: str) -> dict[str, object]:
    """Read one YAML mapping with text keys from a file.

    Parameters
    ----------
    path : Path
    noun : str
        What the file is called in messages: `brief`, `config`.
    remedy : str
        What to do where there is no such file, or nothing in it.

    Returns
    -------
    dict

    Raises
    ------
    SettingError
    """
    example = "Write one setting a line, for example `metric: macro_f1`."
    document = read_document(path, noun, remedy, example)
    if not isinstance(document, dict):
        kind = {list: "a list", type(None): "nothing"}.get(type(document), "a single value")
        raise SettingError(f"{path} holds {kind}, not settings by name", example)
    for key in document:
        if not isinstance(key, str):
            raise SettingError(f"{path}: the key {reprlib.repr(key)} is not a name", example)
    return document


def read_document(path: Path, noun: str, remedy: str, example: str) -> object:
    """Read one YAML document, whatever it holds.

    Parameters
    ----------
    path : Path
    noun : str
        What the file is called in messages.
    remedy : str
        What to do where there is no such file, or nothing in it.
    example : str
        How to write one, as a sentence.

    Raises
    ------
    SettingError
    """
    path = user_path(path)
    text = _read_text(path, noun, remedy)
    if not text.strip():
        raise SettingError(f"{path} is empty", " ".join(dict.fromkeys((example, remedy))))
    try:
        return _parse(text)
    except ValueError as error:
        raise SettingError(f"{path}: {error}", example) from None


def _read_text(path: Path, noun: str, remedy: str) -> str:
    """Read a small UTF-8 text file."""
    try:
        if path.is_dir():
            raise SettingError(f"{path} is a folder, not a file", "Give the YAML file itself.")
        if path.stat().st_size > LARGEST_FILE:
            raise SettingError(
                f"{path} has {path.stat().st_size:,} bytes, too many for a {noun}",
                f"A {noun} is a YAML file of settings, at most {LARGEST_FILE:,} bytes. Was this meant as the data?",
            )
        return path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise SettingError(f"{path} does not exist", f"Check the path to the {noun}. {remedy}") from None
    except UnicodeDecodeError as error:
        raise SettingError(f"{path} is not UTF-8 text (byte {error.start + 1})", "Save the file as UTF-8.") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise SettingError(f"{path} cannot be read: {reason}", "Give a readable YAML file.") from None


_DECIMAL = re.compile(r"[+-]?(?:0|[1-9][0-9_]*)")
"""Whole numbers as everybody reads them. To YAML 1.1 1:30 is 90, 010 is 8 and 0x10 is 16."""


class _GivenTwiceError(ValueError):
    """A key stands twice in one mapping."""


def _parse(text: str) -> object:
    """Parse YAML; every way it can be wrong, a key given twice included, becomes a ValueError."""
    import yaml

    class Loader(yaml.SafeLoader):
        """A safe loader to which a key given twice is an error, and 1:30 and dates are the text that was written."""

        def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
            first: dict[str, int] = {}
            for key, _ in node.value:
                if isinstance(key, yaml.ScalarNode) and key.value in first:
                    lines = f"lines {first[key.value]} and {key.start_mark.line + 1}"
                    raise _GivenTwiceError(f"{key.value!r} stands twice, in {lines}; keep one of them")
                if isinstance(key, yaml.ScalarNode):
                    first[key.value] = key.start_mark.line + 1
            return super().construct_mapping(node, deep)

    def whole(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> object:
        return loader.construct_yaml_int(node) if _DECIMAL.fullmatch(node.value) else node.value

    def fraction(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> object:
        return node.value if ":" in node.value else loader.construct_yaml_float(node)

    def written(_: yaml.SafeLoader, node: yaml.ScalarNode) -> object:
        return node.value

    Loader.add_constructor("tag:yaml.org,2002:int", whole)
    Loader.add_constructor("tag:yaml.org,2002:float", fraction)
    Loader.add_constructor("tag:yaml.org,2002:timestamp", written)

    try:
        return yaml.load(text, Loader)  # noqa: S506 - the loader is a SafeLoader
    except _GivenTwiceError:
        raise
    except yaml.MarkedYAMLError as error:
        where = "" if error.problem_mark is None else f", line {error.problem_mark.line + 1}"
        raise ValueError(f"this is not YAML{where}: {error.problem or error.context}") from None
    except (yaml.YAMLError, ValueError) as error:
        raise ValueError(f"this is not YAML: {' '.join(str(error).split())[:200]}") from None
    except RecursionError:
        raise ValueError("this is not YAML for settings: it is nested too deeply") from None
