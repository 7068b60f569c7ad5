"""The house's own rules: the built-in rules, with those that a team adds, overrules or switches off merged in."""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from advisor.rules import RULES, Rule
from advisor.rules.start import PRIOR
from advisor.yaml_files import read_document
from probes.errors import SettingError
from probes.files import user_path

GROUP = "advisor.rules"
"""Entry points of this group give a `Rule` or several."""
FOLDER = "rules.d"
VARIABLE = "ADVISOR_RULES"
"""Environment variable naming further folders or files, separated as in PATH."""

_EXAMPLE = "Write one rule, or a list of rules, each with id, title, when, effect, because and source."


def rule_folders() -> tuple[Path, ...]:
    """Return where rule files are looked for: `$ADVISOR_RULES`, the user's configuration, the working folder."""
    named = [Path(name) for name in os.environ.get(VARIABLE, "").split(os.pathsep) if name.strip()]
    usual = [Path(FOLDER)]
    with contextlib.suppress(RuntimeError):  # no home folder is known
        usual.insert(
            0, Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "transfer-advisor" / FOLDER
        )
    return (*named, *(folder for folder in usual if folder.is_dir()))


def load_rules(folders: Iterable[str | Path] | None = None) -> tuple[Rule, ...]:
    """Return the built-in rules with the team's merged in.

    Parameters
    ----------
    folders : iterable of str or Path, optional
        Folders with rule files (`*.yaml`, `*.yml`), or such files; those of `rule_folders` and the entry points of
        installed packages where left out.

    Returns
    -------
    tuple of Rule
        A rule that overrules another stands in its place, new ones follow the built-in ones. `Rule.origin` says where
        each came from.

    Raises
    ------
    SettingError
        When a rule cannot be used; nothing is left out silently.

    Examples
    --------
    >>> load_rules([]) == RULES
    True
    """
    rules = {rule.id: rule for rule in RULES}
    if folders is None:
        rules = _with_packages(rules)
        folders = rule_folders()
    files = dict.fromkeys(file for folder in folders for file in _files(folder))
    if not files:
        return tuple(rules.values())
    from advisor.rules.custom import Custom, custom_rule

    places: dict[str, str] = {}
    overruled: dict[str, Custom] = {}
    added: list[Rule] = []
    for file in files:
        for where, values in _entries(file):
            made = custom_rule(values, where, str(file), rules)
            name = made.rule.id
            if name in places:
                raise SettingError(f"{where}: there is a rule {name!r} in {places[name]} too", "Give each its own id.")
            if name in rules and name != made.overrules:
                raise SettingError(
                    f"{where}: there is a rule {name!r} already, from {rules[name].origin}",
                    f"Give yours another id, or add `overrules: {name}` to put it in that one's place.",
                )
            places[name] = where
            if made.overrules is None:
                added.append(made.rule)
            elif made.overrules in overruled:
                other = places[overruled[made.overrules].rule.id]
                raise SettingError(f"{where}: {other} overrules {made.overrules!r} too", "Keep one of the two.")
            else:
                overruled[made.overrules] = made
    merged = [overruled[name].rule if name in overruled else rule for name, rule in rules.items()]
    return (*merged, *added)


def _files(place: str | Path) -> Iterator[Path]:
    """Find the rule files of a folder, in the order of their names."""
    path = user_path(place)
    if not path.exists():
        raise SettingError(
            f"the rules folder {path} does not exist", f"Give a folder of YAML files; ${VARIABLE} names further ones."
        )
    if not path.is_dir():
        yield path
        return
    for file in sorted(path.iterdir()):
        if file.suffix in (".yaml", ".yml") and not file.name.startswith(".") and file.is_file():
            yield file


def _entries(file: Path) -> Iterator[tuple[str, object]]:
    """Read the rules of a file, each with what to call its place; a file of comments alone has none."""
    document = read_document(file, "rule file", _EXAMPLE, _EXAMPLE)
    if isinstance(document, list):
        yield from ((f"{file}, rule {number}", values) for number, values in enumerate(document, start=1))
    elif document is not None:
        yield str(file), document


def _with_packages(rules: dict[str, Rule]) -> dict[str, Rule]:
    """Add the rules of installed packages; one with the id of a built-in rule takes its place."""
    merged = dict(rules)
    for point in sorted(importlib.metadata.entry_points(group=GROUP), key=lambda point: (point.name, point.value)):
        package = point.dist.name if point.dist else point.name
        where = f"package {package} ({point.value})"
        for rule in _of_package(point, where):
            if merged.get(rule.id, rules.get(rule.id)) is not rules.get(rule.id):
                raise SettingError(
                    f"{where}: there is a rule {rule.id!r} in {merged[rule.id].origin} too", "Uninstall one of them."
                )
            merged[rule.id] = replace(rule, origin=f"package {package}")
    return merged


def _of_package(point: importlib.metadata.EntryPoint, where: str) -> list[Rule]:
    remedy = "Update or uninstall that package."
    try:
        found = point.load()
        given = [found] if isinstance(found, Rule) else list(found)
    except Exception as error:  # a stranger's module may raise anything
        raise SettingError(f"{where} gives no rules: {type(error).__name__}: {error}", remedy) from None
    for rule in given:
        if not isinstance(rule, Rule):
            raise SettingError(f"{where} gives {rule!r:.80}, which is no Rule", remedy)
        if strangers := [name for name in rule.touches if name not in PRIOR]:
            raise SettingError(f"{where}: rule {rule.id!r} touches {strangers[0]!r}, which is no strategy", remedy)
        if not rule.source.strip():
            raise SettingError(f"{where}: rule {rule.id!r} has no source", remedy)
    return given
