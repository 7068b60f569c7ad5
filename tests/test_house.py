"""The house, seen from the outside: what the repository says of itself is true."""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib
import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from pydantic import BaseModel

from advisor.advice import AdviceDocument
from advisor.cli import output
from advisor.cli.app import main
from advisor.config import TrainingConfig
from advisor.doctor import Examination
from advisor.dry_run import ProbePlan
from advisor.explain import Explanation
from advisor.rules.catalogue import rules_table
from advisor.session import ProbeResult
from advisor.training import Trained
from advisor.whatif import Sweep
from probes.profile import Profile

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("advisor", "strategies", "probes")
OURS = {"__pycache__", "advisor-runs", "build", "dist"}
HEAVY = {
    "torch",
    "transformers",
    "peft",
    "accelerate",
    "sklearn",
    "datasets",
    "sentence_transformers",
    "skops",
    "pandas",
}
MODULE_OF = {"pyyaml": "yaml", "scikit-learn": "sklearn"}
"""Distributions whose module has another name."""
APACHE_2 = "cfc7749b96f63bd31c3c42b5c471bf756814053e847c10f3eb003417bc523d30"
"""sha256 of https://www.apache.org/licenses/LICENSE-2.0.txt."""
SOMEBODYS_PATH = re.compile(r"(?<![\w.~$})-])/(?:home|Users|root|work|workspace|mnt|opt|tmp)/[\w.]|\b[A-Z]:\\Users\\")


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


@functools.cache
def project() -> dict[str, Any]:
    return tomllib.loads(read("pyproject.toml"))


def modules() -> dict[str, ast.Module]:
    """Return the syntax tree of every module of the three packages, by name."""
    return {
        ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): ast.parse(
            file.read_text(encoding="utf-8")
        )
        for package in PACKAGES
        for file in sorted((ROOT / package).rglob("*.py"))
    }


def imported() -> set[str]:
    """Return the top-level names that the three packages import, wherever in a module."""
    found = set()
    for tree in modules().values():
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found.add(node.module.partition(".")[0])
    return found - set(PACKAGES) - set(sys.stdlib_module_names)


def text_files() -> Iterator[tuple[str, str]]:
    """Yield name and text of the files of the repository: no caches, environments, builds or run folders."""
    for folder, below, names in os.walk(ROOT):
        below[:] = [d for d in below if d not in OURS and (d == ".ci" or not d.startswith("."))]
        for name in names:
            file = Path(folder, name)
            try:
                yield str(file.relative_to(ROOT)), file.read_text(encoding="utf-8")
            except (UnicodeDecodeError, FileNotFoundError):  # no text, or a temporary file gone meanwhile
                continue


def name_of(requirement: str) -> str:
    """Return the distribution a requirement names, spelled as package indexes do."""
    return re.sub(r"[-_.]+", "-", Requirement(requirement).name).lower()


def direct(*, extras: bool = True) -> dict[str, Requirement]:
    """Return the direct dependencies by name."""
    table = project()["project"]
    asked = list(table["dependencies"])
    if extras:
        asked += [requirement for extra in table["optional-dependencies"].values() for requirement in extra]
    return {name_of(r): Requirement(r) for r in asked if name_of(r) != table["name"]}


@functools.cache
def pins() -> dict[str, str]:
    lines = [line for line in read("constraints.txt").splitlines() if line and not line.startswith("#")]
    return {name_of(line): line.partition("==")[2] for line in lines}


def sections(document: str, level: int) -> dict[str, str]:
    """Return the text below each heading of a level of a Markdown document."""
    parts = re.split(
        rf"^{'#' * level} (.+)$", re.sub(r"```.*?```", "", read(document), flags=re.DOTALL), flags=re.MULTILINE
    )
    return {
        heading.strip(): re.split(rf"^#{{1,{level}}} ", text, flags=re.MULTILINE)[0]
        for heading, text in zip(parts[1::2], parts[2::2], strict=True)
    }


def first_column(text: str) -> list[str]:
    """Return the first cells of a Markdown table, its head left out."""
    return [cell.strip("` ") for cell in re.findall(r"^\|([^|]+)\|", text, flags=re.MULTILINE)[2:]]


# Code


@pytest.mark.parametrize(
    "name",
    [
        name
        for name, tree in modules().items()
        if name in PACKAGES[:2] or any(isinstance(node, ast.Name) and node.id == "__all__" for node in ast.walk(tree))
    ],
)
def test_all_is_true(name: str) -> None:
    module = importlib.import_module(name)
    assert module.__all__
    assert [offered for offered in module.__all__ if not hasattr(module, offered)] == []
    assert len(set(module.__all__)) == len(module.__all__)


def test_imports_run_one_way() -> None:
    command = shutil.which("lint-imports", path=str(Path(sys.executable).parent))
    if command is None:
        pytest.skip("import-linter is not installed")
    done = subprocess.run([command, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_import_contract_has_no_exceptions() -> None:
    (contract,) = project()["tool"]["importlinter"]["contracts"]
    assert contract["layers"] == list(PACKAGES)
    assert set(contract) == {"name", "type", "layers"}


def test_importing_the_command_line_loads_nothing_heavy() -> None:
    code = (
        "import sys, advisor.cli.app, advisor.session, strategies; print(*{m.partition('.')[0] for m in sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "strategies" in loaded
    assert loaded & HEAVY == set()


@pytest.mark.parametrize("package", PACKAGES)
def test_types_are_shipped(package: str) -> None:
    assert (ROOT / package / "py.typed").is_file()


def test_no_module_is_called_utils() -> None:
    assert [name for name in modules() if re.search(r"(^|\.|_)(utils?|helpers?|common|misc)$", name)] == []


# Distribution


def test_version_is_that_of_the_changelog() -> None:
    newest = re.search(
        r"^## \[(\d+\.\d+\.\d+)\]|^To be released as (\d+\.\d+\.\d+)", read("CHANGELOG.md"), flags=re.MULTILINE
    )
    assert newest is not None
    assert project()["project"]["version"] == (newest[1] or newest[2])


def test_licence_is_apache_2() -> None:
    assert hashlib.sha256((ROOT / "LICENSE").read_bytes()).hexdigest() == APACHE_2
    assert project()["project"]["license"] == "Apache-2.0"


def test_every_direct_dependency_is_pinned_within_its_bounds() -> None:
    wrong = {
        name: pins().get(name)
        for name, requirement in direct().items()
        if name not in pins() or not requirement.specifier.contains(pins()[name])
    }
    assert wrong == {}


def test_what_dependencies_always_need_is_pinned_too() -> None:
    missing, seen, waiting = set(), set(), list(direct(extras=False))
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        missing |= {name} - pins().keys()
        needed = map(Requirement, importlib.metadata.requires(name) or ())
        waiting += [name_of(r.name) for r in needed if r.marker is None]
    assert len(seen) > len(direct(extras=False))
    assert missing == set()


def test_pins_are_plain_and_sorted() -> None:
    lines = [line for line in read("constraints.txt").splitlines() if not line.startswith("#")]
    assert [line for line in lines if not re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.]+", line)] == []
    assert lines == sorted(lines, key=str.lower)


def test_every_dependency_is_accounted_for() -> None:
    entries = sections("docs/dependencies.md", 3)
    assert {re.sub(r"[-_.]+", "-", name).lower() for name in entries} == set(direct())
    for name, text in entries.items():
        for part in ("Instead:", " MB"):
            assert part in text, f"{name} lacks {part!r}"
        assert re.search(r"Alive|Asleep", text), f"{name} does not say whether it is alive"
        assert re.search(r"\b(MIT|ISC|MPL-2\.0|Apache-2\.0|BSD-\d-Clause)\b", text), f"{name} lacks its licence"


def test_every_dependency_is_imported_or_says_why_not() -> None:
    entries = {re.sub(r"[-_.]+", "-", name).lower(): text for name, text in sections("docs/dependencies.md", 3).items()}
    used = imported()
    for name in direct(extras=False):
        says_not = "Not imported" in entries[name]
        assert (MODULE_OF.get(name, name.replace("-", "_")) in used) is not says_not, name


def test_what_is_imported_is_a_dependency() -> None:
    known = {MODULE_OF.get(name, name.replace("-", "_")) for name in direct(extras=False)}
    # An extra of users, imported where its absence is told in words.
    assert imported() - known == {"ray"}


# Repository


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("read /ho" + "me/ann/rows.csv", True),
        ('"/wo' + 'rk/project"', True),
        ("C:\\Us" + "ers\\ann", True),
        ("https://example.com/ho" + "me/page", False),
        ("advisor/wo" + "rk/x", False),
    ],
)
def test_somebodys_path_is_told_from_others(text: str, found: bool) -> None:
    assert bool(SOMEBODYS_PATH.search(text)) is found


def test_no_file_names_a_place_on_somebodys_machine() -> None:
    seen = dict(text_files())
    assert {"pyproject.toml", "tests/test_house.py", ".ci/run"} <= seen.keys()
    found = {name: match[0] for name, text in seen.items() if (match := SOMEBODYS_PATH.search(text))}
    assert found == {}


@pytest.mark.parametrize("target", ["demo", "test", "check", "format"])
def test_make_has_its_targets(target: str) -> None:
    makefile = read("Makefile")
    assert re.search(rf"^{target}:.*##", makefile, flags=re.MULTILINE), "with its line of help"
    assert target in re.search(r"^\.PHONY: (.+)$", makefile, flags=re.MULTILINE)[1].split()  # type: ignore[index]


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md"])
@pytest.mark.parametrize("command", ["make demo", "make test"])
def test_the_two_commands_are_named(document: str, command: str) -> None:
    assert command in read(document)


def test_continuous_integration_runs_make_test() -> None:
    lines = read(".ci/run").splitlines()
    assert lines[0] == "#!/usr/bin/env bash"
    assert "set -euo pipefail" in lines
    assert "make test" in lines
    assert os.access(ROOT / ".ci" / "run", os.X_OK)


def test_contributing_lists_the_markers() -> None:
    (text,) = (text for name, text in sections("CONTRIBUTING.md", 2).items() if name == "Tests")
    markers = [marker.partition(":")[0] for marker in project()["tool"]["pytest"]["ini_options"]["markers"]]
    assert first_column(text) == markers


def test_links_between_documents_hold() -> None:
    links = {
        (document, link)
        for document in (
            "README.md",
            "CONTRIBUTING.md",
            "CHANGELOG.md",
            *(f"docs/{p.name}" for p in (ROOT / "docs").glob("*.md")),
        )
        for link in re.findall(r"\]\((?!https?://|mailto:)([^)#]*)[^)]*\)", read(document))
        if link
    }
    assert links
    assert {
        (document, link) for document, link in links if not (ROOT / document).parent.joinpath(link).exists()
    } == set()


def test_anchors_within_documents_hold() -> None:
    for document in ("docs/json.md", "docs/design.md"):
        text = read(document)
        headings = re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)
        anchors = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
        assert set(re.findall(r"\]\(#([^)]+)\)", text)) - anchors == set(), document


# The JSON documents


def documented() -> dict[str, list[str]]:
    """Return the keys of every document, and of every part of one, by the name of its section."""
    found: dict[str, list[str]] = {"rules": list(rules_table()[0])}
    roots: tuple[type[BaseModel], ...] = (
        Profile,
        AdviceDocument,
        Explanation,
        Sweep,
        ProbePlan,
        ProbeResult,
        TrainingConfig,
        Trained,
        Examination,
    )
    for model in roots:
        schema = model.model_json_schema()
        for name, part in {model.__name__: schema, **schema.get("$defs", {})}.items():
            if "properties" in part:
                found[name] = list(part["properties"])
    return found


@pytest.mark.parametrize(("name", "keys"), documented().items())
def test_docs_tell_the_keys_of_every_document(name: str, keys: list[str]) -> None:
    assert first_column(sections("docs/json.md", 3)[name]) == keys


def test_docs_tell_no_document_that_is_gone() -> None:
    assert set(sections("docs/json.md", 3)) == set(documented()) | {"predictions"}


def test_docs_tell_the_exit_codes() -> None:
    section = sections("docs/json.md", 2)["Errors and exit codes"]
    told = [int(code) for code in re.findall(r"^\| (\d+) \|", section, flags=re.MULTILINE)]
    codes = (output.CONFIRMED, output.UNDECIDED, output.BAD_INPUT, output.OUR_FAULT, output.INTERRUPTED)
    assert told == list(codes)


@pytest.mark.parametrize("arguments", [["profile", "missing.csv"], ["profile", "--no-such-flag"], ["no-such-verb"]])
def test_the_error_document_is_as_told(
    arguments: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stopped:
        main([*arguments, "--json"])
    assert stopped.value.code == output.BAD_INPUT
    document = json.loads(capsys.readouterr().out)
    told = re.findall(r"^\| `(\w+)` \|", sections("docs/json.md", 2)["Errors and exit codes"], flags=re.MULTILINE)
    assert list(document) == ["error"]
    assert list(document["error"]) == told
    assert document["error"]["code"] == output.BAD_INPUT
