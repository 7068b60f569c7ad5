"""Briefs in YAML files: read as people write them, and written with what each setting means."""

from __future__ import annotations

import textwrap
from pathlib import Path

from advisor.brief import Brief
from advisor.settings import allowed, brief_from
from advisor.yaml_files import read_mapping


def load_brief(path: str | Path) -> Brief:
    """Read a brief from a YAML file.

    An empty value (`target:`) means "not said" and takes the default.

    Parameters
    ----------
    path : str or Path
        A YAML file holding one mapping of `Brief`'s fields.

    Returns
    -------
    Brief

    Raises
    ------
    SettingError
        When the file or one of its values cannot be used; the message names file, key, what was got and what is
        allowed.
    """
    return brief_from(read_mapping(Path(path), "brief", "For the defaults, leave the brief out."), where=str(path))


def to_yaml(brief: Brief) -> str:
    """Write a brief as YAML for people: every setting with what it means, those not said left empty.

    Examples
    --------
    >>> print(to_yaml(Brief(rows=640, compute="limited")))  # doctest: +ELLIPSIS
    # The brief: what you want, have and can spend. ...
    <BLANKLINE>
    # Labelled rows (examples with the right answer) at hand.
    # Allowed: a whole number of 0 or more.
    rows: 640
    ...
    """
    import yaml

    lines = [
        "# The brief: what you want, have and can spend. An empty value means: not known, or the default.",
        "# `advisor recommend --brief` and `advisor probe --brief` read it; `advisor ask --brief` goes on from here.",
    ]
    for key, field in Brief.model_fields.items():
        value = getattr(brief, key) if key in brief.model_fields_set else None
        said = value is not None and value != ()
        note = f"Allowed: {allowed(key)}." + ("" if field.default in (None, ()) else f" Default: {field.default}.")
        comment = [*textwrap.wrap(" ".join((field.description or "").split()), 100), *textwrap.wrap(note, 100)]
        plain = list(value) if isinstance(value, tuple) else value
        written = yaml.safe_dump({key: plain}, allow_unicode=True, width=10_000).strip() if said else f"{key}:"
        lines += ["", *(f"# {line}" for line in comment), written]
    return "\n".join(lines) + "\n"
