"""A team's own rules: read, merged, shown with where they came from; each mistake one message."""

from __future__ import annotations

import importlib.metadata
import math
import re
import textwrap
from pathlib import Path
from typing import Any

import pytest
import yaml

from advisor.engine import Watch, advise, weigh
from advisor.facts import Facts
from advisor.house_rules import load_rules
from advisor.rules import RULES
from advisor.rules.base import Rule, push
from advisor.rules.base import rule as make_rule
from advisor.rules.condition import Condition, ConditionError
from advisor.rules.start import PRIOR
from probes.errors import SettingError

GOOD: dict[str, Any] = {
    "id": "acme-lora-first",
    "title": "LoRA before anything heavier",
    "when": "rows >= 500 and model_parameters > 1e9",
    "effect": {"lora": "+M", "full": -0.5, "dapt": "block"},
    "because": "{rows} rows and a model of {model_parameters} weights.",
    "source": "ACME handbook, section 3",
}
OFF = {
    "id": "acme-no-prior",
    "overrules": "lightest-first",
    "effect": "none",
    "because": "We weigh by cost instead.",
    "source": "ACME handbook",
}


def write(folder: Path, content: object, name: str = "acme.yaml") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    text = content if isinstance(content, str) else yaml.safe_dump(content)
    (folder / name).write_text(text, encoding="utf-8")
    return folder


def loaded(folder: Path, content: object) -> Rule:
    return next(rule for rule in load_rules([write(folder, content)]) if rule.origin != "advisor")


def test_a_rule_is_added_and_shown_with_its_file(tmp_path: Path) -> None:
    rules = load_rules([write(tmp_path / "rules.d", GOOD)])
    assert rules[:-1] == RULES
    facts = Facts(rows=2_000, model_parameters=7_000_000_000)
    before, after = weigh(facts, list(PRIOR)), weigh(facts, list(PRIOR), rules)
    assert after["lora"] - before["lora"] == pytest.approx(0.9)
    assert after["full"] - before["full"] == pytest.approx(-0.5)
    assert after["dapt"] == -math.inf
    entry = next(e for e in advise(facts, list(PRIOR), rules).advice if e.strategy == "lora")
    reason = next(r for r in entry.reasons if r.rule == GOOD["id"])
    assert reason.origin == str(tmp_path / "rules.d" / "acme.yaml")
    assert (reason.title, reason.source, reason.strength) == (GOOD["title"], GOOD["source"], "M")
    assert reason.because == "2,000 rows and a model of 7,000,000,000 weights."
    assert "What to do:" in rules[-1].docs
    assert "rows >= 500" in rules[-1].docs


CASES: list[tuple[str, dict[str, Any], bool]] = [
    ("rows >= 500", {"rows": 500}, True),
    ("rows >= 500", {"rows": 499}, False),
    ("rows >= 500", {}, False),
    ("not rows >= 500", {}, False),
    ("rows >= 500 and binary", {"rows": 900}, False),
    ("classes == 2 or rows >= 500", {"classes": 2}, True),
    ("10 <= train_rows < 100", {"rows": 100}, True),
    ("compute in ['limited', 'plenty']", {"compute": "plenty"}, True),
    ("compute not in ('limited',)", {"compute": "limited"}, False),
    ("task == 'extraction'", {"task": "extraction"}, True),
    ("'de' in model_languages", {"model_languages": ("en", "de")}, True),
    ("'de' in model_languages", {}, False),
    ("not 'de' in model_languages", {}, False),
    ("rows / classes > 8", {"rows": 90, "classes": 10}, True),
    ("rows / unlabelled_rows > 8", {"rows": 90, "unlabelled_rows": 0}, False),
    ("full_bytes > gpu_bytes", {"model_parameters": 7_000_000_000, "gpu": "L4"}, True),
    ("-rows < -10", {"rows": 11}, True),
    ("data_may_leave == false", {"data_may_leave": False}, True),
    ("data_may_leave == false", {"data_may_leave": True}, False),
    ("data_may_leave in (true, False) and true", {"data_may_leave": True}, True),
    ("data_may_leave != true", {}, False),
    ("model_languages == ['de']", {"model_languages": ("de",)}, True),
    ("model_languages != ('de',)", {"model_languages": ("de",)}, False),
    ("rows in [5, 7.0]", {"rows": 7}, True),
    ("'law' in domain", {"domain": "case law"}, True),
]


@pytest.mark.parametrize(("when", "facts", "speaks"), CASES, ids=[f"{when} {facts}" for when, facts, _ in CASES])
def test_conditions(tmp_path: Path, when: str, facts: dict[str, Any], speaks: bool) -> None:
    made = loaded(tmp_path, GOOD | {"when": when})
    assert bool(made.ask(Facts.model_validate(facts))) is speaks


def test_a_condition_says_what_it_waits_for() -> None:
    watched = Watch(Facts(classes=3))
    assert Condition("classes == 3 and class_rows > 8").holds(watched) is None  # type: ignore[arg-type]
    assert watched.missed == {"rows"}
    watched = Watch(Facts(classes=3))
    assert Condition("classes == 2 and class_rows > 8").holds(watched) is False  # type: ignore[arg-type]
    assert watched.missed == set()


@pytest.mark.parametrize("when", [True, "True and not False", "True"])
def test_a_rule_may_hold_always(tmp_path: Path, when: object) -> None:
    assert loaded(tmp_path, GOOD | {"when": when}).ask(Facts())


def test_text_of_the_users_is_neither_markup_nor_control(tmp_path: Path) -> None:
    made = loaded(tmp_path, GOOD | {"when": "rows > 0", "because": "[red]{domain}[/red] {{x}} {rows}"})
    (effect,) = made.ask(Facts(rows=1, domain="a\x1b[31m\nb [bold]")) or ()
    assert not isinstance(effect.because, str)
    assert effect.because() == "[red]a[31m b [bold][/red] {x} 1"


def test_a_rule_takes_the_place_of_another(tmp_path: Path) -> None:
    ours = GOOD | {"id": "lightest-first", "overrules": "lightest-first"}
    rules = load_rules([write(tmp_path, ours)])
    assert [rule.id for rule in rules] == [rule.id for rule in RULES]
    place = [rule.id for rule in RULES].index("lightest-first")
    assert rules[place].origin.endswith("acme.yaml")
    assert "takes the place of lightest-first" in rules[place].docs


def test_a_rule_is_switched_off_and_says_so(tmp_path: Path) -> None:
    rules = load_rules([write(tmp_path, OFF)])
    assert "lightest-first" not in {rule.id for rule in rules}
    advice = advise(Facts(), ["baseline", "full"], rules)
    reasons = [reason for entry in advice.advice for reason in entry.reasons if reason.rule == OFF["id"]]
    assert [(r.effect, r.because) for r in reasons] == [(0.0, OFF["because"])] * 2
    assert all(reason.origin.endswith("acme.yaml") for reason in reasons)


def test_files_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "here" / "rules.d", GOOD | {"id": "here"})
    write(tmp_path / "config" / "transfer-advisor" / "rules.d", GOOD | {"id": "config"}, "a.yml")
    write(tmp_path / "named", [GOOD | {"id": "named-1"}, GOOD | {"id": "named-2"}])
    write(tmp_path / "named", "# nothing yet", "b.yaml")
    write(tmp_path / "named", "no: rule", ".hidden.yaml")
    write(tmp_path / "named", "no rule", "notes.txt")
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("ADVISOR_RULES", str(tmp_path / "named"))
    assert [rule.id for rule in load_rules()[len(RULES) :]] == ["named-1", "named-2", "config", "here"]


def without(key: str) -> dict[str, Any]:
    return {name: value for name, value in GOOD.items() if name != key}


BAD: dict[str, tuple[object, str, str]] = {
    "unknown key": (GOOD | {"effects": {}}, "no key 'effects'", "Did you mean 'effect'?"),
    "unknown fact": (GOOD | {"when": "rowz > 5"}, "names 'rowz'", "Did you mean 'rows'?"),
    "unknown strategy": (GOOD | {"effect": {"lorra": "+S"}}, "'lorra'", "Did you mean 'lora'?"),
    "bad effect": (GOOD | {"effect": {"lora": "+XL"}}, "'+XL'", "+S"),
    "effect too large": (GOOD | {"effect": {"lora": 2}}, "the effect on lora is 2", "-1.6 to 1.6"),
    "effect not a number": (GOOD | {"effect": {"lora": math.nan}}, "nan", "-1.6 to 1.6"),
    "effect is true": (GOOD | {"effect": {"lora": True}}, "True", "-1.6 to 1.6"),
    "effect without strategies": (GOOD | {"effect": "+S"}, "effect is '+S'", "lora: +M"),
    "no effect": (without("effect"), "effect is missing", "lora: +M"),
    "no id": (without("id"), "id is missing", "Add `id:`"),
    "bad id": (GOOD | {"id": "Our Rule"}, "'Our Rule'", "hyphens"),
    "no title": (without("title"), "title is missing", "Add `title:`"),
    "no condition": (without("when"), "when is missing", "when: rows < 500"),
    "no reason": (without("because"), "because is missing", "Add `because:`"),
    "no source": (without("source"), "source is missing", "a paper"),
    "empty source": (GOOD | {"source": " "}, "source is missing", "a paper"),
    "source not a text": (GOOD | {"source": ["a"]}, "not a text", "a paper"),
    "bad strength": (GOOD | {"strength": "XL"}, "strength is 'XL'", "W (weak)"),
    "effect beyond strength": (GOOD | {"strength": "W"}, "more than strength W", "raise the strength"),
    "unknown fact in the reason": (GOOD | {"because": "{rowz}"}, "'rowz'", "Did you mean 'rows'?"),
    "attribute in the reason": (GOOD | {"because": "{rows.real}"}, "'rows.real'", "Facts:"),
    "format in the reason": (GOOD | {"because": "{rows:999999999}"}, "has a format", "by name alone"),
    "open brace": (GOOD | {"because": "{rows"}, "cannot be filled in", "written twice"),
    "overrules nothing": (GOOD | {"overrules": "lightest-fist"}, "'lightest-fist'", "Did you mean 'lightest-first'?"),
    "id of a built-in rule": (GOOD | {"id": "lightest-first"}, "already, from advisor", "overrules: lightest-first"),
    "same id twice": ([GOOD, GOOD], "rule 2: there is a rule 'acme-lora-first' in", "its own id"),
    "overruled twice": ([OFF, OFF | {"id": "b"}], "overrules 'lightest-first' too", "Keep one"),
    "nothing switched off": (GOOD | {"effect": "none"}, "effect is none", "overrules:"),
    "condition on what is off": (OFF | {"when": "rows > 1"}, "when says nothing", "Leave `when` out"),
    "not a rule": (["acme"], "'acme', not a rule", "mapping with the keys"),
    "bad YAML": ("id: [", "not YAML", "Write one rule"),
    "key given twice": ("id: a\nid: b", "stands twice", "Write one rule"),
    "empty file": ("", "is empty", "Write one rule"),
    "YAML that builds objects": ("!!python/object/apply:os.getcwd []", "not YAML", "Write one rule"),
}


def test_a_remedy_is_given_once(tmp_path: Path) -> None:
    with pytest.raises(SettingError) as raised:
        load_rules([write(tmp_path, "")])
    assert raised.value.remedy.count("Write one rule") == 1


def test_the_page_of_a_rule_tells_its_effects_and_its_reason(tmp_path: Path) -> None:
    docs = loaded(tmp_path, GOOD).docs
    assert "Effects: dapt blocked, full -0.50, lora +0.90." in docs
    assert f"Because: {GOOD['because']}" in docs
    assert f"Because: {OFF['because']}" in loaded(tmp_path, OFF).docs


@pytest.mark.parametrize("name", BAD)
def test_a_bad_rule_file_gives_one_helpful_message(tmp_path: Path, name: str) -> None:
    content, got, remedy = BAD[name]
    with pytest.raises(SettingError) as raised:
        load_rules([write(tmp_path, content)])
    assert raised.value.got.startswith(str(tmp_path / "acme.yaml"))
    assert got in raised.value.got
    assert remedy in raised.value.remedy


UNSAFE = {
    "__import__('os').system('id')": "calls a function",
    "len(domain) > 3": "calls a function",
    "rows.real > 3": "uses an attribute",
    "rows.__class__ == 1": "uses an attribute",
    "__builtins__ == 1": "'__builtins__', which is no fact",
    "model_languages[0] == 'de'": "uses an index",
    "9 ** 9 ** 9 > rows": "uses **",
    "'a' * 99999999 == domain": "different kinds",
    "'%999999999d' % rows == domain": "different kinds",
    "[x for x in model_languages]": "ListComp",
    "(lambda: rows)": "defines a function",
    "(y := rows) > 3": "assigns a value",
    "f'{rows}' == domain": "formats a text",
    "rows is True": "uses Is",
    "rows == None": "uses None",
    "rows > 3; rows": "no expression",
    "import os": "no expression",
    "rows >": "no expression",
    "rows = 3": "no expression",
    "rows > 'many'": "different kinds",
    "rows > 3 or domain > 4": "different kinds",
    "task == 'classification'": "never is",
    "compute in ['lots']": "never is",
    "model_fields == 1": "no fact",
    "rows == b'x'": "uses b'x'",
    "data_may_leave == 'no'": "different kinds",
    "data_may_leave == 0": "different kinds",
    "rows != 'many'": "different kinds",
    "rows in ('5', 6)": "different kinds",
    "3 not in model_languages": "different kinds",
    "model_languages == 'de'": "different kinds",
    "1 < rows == 'many'": "different kinds",
    "rows > 5 and (task == 5 or binary)": "different kinds",
    "rows in []": "empty list",
    "'rows'": "names no fact",
    "1 > 0": "names no fact",
    "7 and True": "names no fact",
    "()": "names no fact",
    "rows / 0 > 1": "divides by zero",
    "rows % -0.0 > 1": "divides by zero",
    "rows == null": "uses None",
    "data_may_leave == no": "'no', which is no fact",
    "-" * 900 + "1 > rows": "nested too deeply",
    "rows > 1" + " and rows > 1" * 100: "characters",
    "(" * 300 + "rows" + ")" * 300: "no expression",
}


@pytest.mark.parametrize("text", UNSAFE, ids=[text[:40] for text in UNSAFE])
def test_a_condition_does_nothing_but_compare(text: str) -> None:
    with pytest.raises(ConditionError) as raised:
        Condition(text)
    assert UNSAFE[text] in raised.value.what
    assert raised.value.remedy


def test_a_folder_that_was_named_must_exist(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ADVISOR_RULES", str(tmp_path / "nowhere"))
    with pytest.raises(SettingError, match="nowhere does not exist"):
        load_rules()


@make_rule("acme-package", "W", "ACME handbook", ("lora",), example={})
def from_package(facts: Facts) -> Any:
    """LoRA, says the package."""
    return push("We like it.", lora="+W")


class Point:
    """An entry point as importlib.metadata gives it."""

    name, value, dist = "acme", "acme.rules:RULES", None

    def __init__(self, given: object) -> None:
        self._given = given

    def load(self) -> object:
        if isinstance(self._given, Exception):
            raise self._given
        return self._given


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    def install(*given: object) -> None:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
        monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: [Point(each) for each in given])

    return install


@pytest.mark.parametrize("given", [from_package, [from_package], (from_package,)])
def test_packages_give_rules(installed: Any, given: object) -> None:
    installed(given)
    rules = load_rules()
    assert rules[:-1] == RULES
    assert (rules[-1].id, rules[-1].origin) == ("acme-package", "package acme")


@pytest.mark.parametrize(
    ("given", "got"),
    [
        ([ImportError("no acme")], "ImportError: no acme"),
        ([3], "gives no rules"),
        ([[3]], "which is no Rule"),
        ([from_package, from_package], "'acme-package' in package acme too"),
        ([Rule("a", "W", " ", ("lora",), from_package.ask)], "has no source"),
        ([Rule("a", "W", "x", ("lorra",), from_package.ask)], "no strategy"),
    ],
)
def test_a_bad_package_gives_one_message(installed: Any, given: list[object], got: str) -> None:
    installed(*given)
    with pytest.raises(SettingError) as raised:
        load_rules()
    assert got in raised.value.got


def test_the_documented_examples_load(tmp_path: Path) -> None:
    text = (Path(__file__).parents[3] / "docs" / "rules.md").read_text(encoding="utf-8")
    blocks = [textwrap.dedent(block) for block in re.findall(r"(?:^ {4}.*\n|^\n(?= {4}))+", text, flags=re.MULTILINE)]
    files = [block for block in blocks if "because:" in block]
    assert len(files) == 2
    made = load_rules([write(tmp_path, block, f"{number}.yaml") for number, block in enumerate(files)])
    assert {rule.id for rule in made if rule.origin != "advisor"} == {
        "acme-lora-first",
        "acme-no-hosted-models",
        "acme-no-many-shot-rule",
    }
