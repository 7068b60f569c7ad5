"""A brief is read as a person would mean it, or refused with one message that helps."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from advisor.brief import Brief
from advisor.brief_file import load_brief, to_yaml
from advisor.facts import Facts, gather
from advisor.settings import allowed, brief_from, checked_settings, settings_from
from probes.errors import SettingError


def write(folder: Path, content: str | bytes) -> Path:
    path = folder / "brief.yaml"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize(
    ("content", "field", "value"),
    [
        ("target: 0.9", "target", 0.9),
        ("target: 9e-1", "target", 0.9),  # PyYAML reads this as text
        ("target: '0.9'", "target", 0.9),
        ("target: 1", "target", 1.0),
        ("target:", "target", None),
        ("tolerance:", "tolerance", 1.0),
        ("tolerance: 0", "tolerance", 0.0),
        ("metric: macro_f1", "metric", "macro_f1"),
        ("task: text-classification", "task", "text-classification"),
        ("requests_per_month: 1e4", "requests_per_month", 10_000),
        ("requests_per_month: 10_000", "requests_per_month", 10_000),
        ("rows: 5k", "rows", 5_000),
        ("rows: 5,000", "rows", 5_000),
        ("rows: 010", "rows", 10),  # PyYAML reads 8
        ("rows: +1_000", "rows", 1_000),
        ("domain: 2026-01-01", "domain", "2026-01-01"),
        ("task: code\nclasses: 1", "classes", 1),
        ("model_parameters: 7B", "model_parameters", 7_000_000_000),
        ("language: no", "language", "no"),  # PyYAML reads this as false
        ("language: en, de", "language", "en, de"),
        ("language: [German, EN, de, no]", "language", "de, en, no"),
        ("language: []", "language", None),
        ("task: code\nmetric: exact_match", "metric", "exact_match"),
        ("task: code", "scored_by", "pass_at_1"),
        ("task: summarisation", "scored_by", "rougeL"),
        ("rows: 5", "scored_by", "accuracy"),
        ("gpu: nvidia h100", "gpu", "H100"),
        ("task: summarisation", "task", "summarisation"),
        ("models: minilm", "models", ("minilm",)),
        ("models: [minilm, ./mine]", "models", ("minilm", "./mine")),
        ("gpu_memory_gb: 0", "gpu_memory_gb", 0.0),
        ("latency_ms: 1.5", "latency_ms", 1.5),
        ("compute: plenty", "compute", "plenty"),
        ("data_may_leave: yes", "data_may_leave", True),
        ("domain_related: no", "domain_related", False),
        ("prompted_score: .85", "prompted_score", 0.85),
        ('{"expects_shift": true}', "expects_shift", True),
        ("# only a comment\ntarget: 1\n", "target", 1.0),
        (b"\xef\xbb\xbflatency_ms: 50", "latency_ms", 50.0),
    ],
)
def test_what_is_meant_is_read(tmp_path: Path, content: str | bytes, field: str, value: object) -> None:
    got = getattr(load_brief(write(tmp_path, content)), field)
    assert got == value
    assert type(got) is type(value)


def test_everything_may_be_left_out() -> None:
    assert brief_from({}) == Brief()
    assert Brief().tolerance == 1.0
    assert not Brief().data_may_leave


@pytest.mark.parametrize(
    ("content", "got", "remedy"),
    [
        ("", "is empty", "metric: macro_f1"),
        ("  \n\n", "is empty", "leave the brief out"),
        ("# nothing said\n", "holds nothing", "one setting a line"),
        ("- target\n- 0.9\n", "holds a list", "one setting a line"),
        ("target", "holds a single value", "one setting a line"),
        ("target: [0.9", "is not YAML", "one setting a line"),
        ("target: 0.9\n\tmetric: accuracy", "is not YAML", "one setting a line"),
        ("a: 1\n---\nb: 2\n", "is not YAML", "one setting a line"),
        ("target: !!python/object/apply:os.getcwd []", "is not YAML", "one setting a line"),
        ("target: " + "[" * 100_000, "is not YAML", "one setting a line"),
        ("target: 0.9\nmetric: accuracy\ntarget: 0.8\n", "'target' stands twice, in lines 1 and 3", "one setting"),
        (b"target: 0.9 # \xff", "is not UTF-8 text (byte 15)", "UTF-8"),
        (b"\x00\x01\x02", "is not YAML", "one setting a line"),
        ("x" * 1_000_001, "1,000,001 bytes", "meant as the data"),
        ("1: 2", "the key 1 is not a name", "one setting a line"),
        ("? [a, b]\n: 2", "is not YAML", "one setting a line"),
        ("targget: 0.9", "no setting 'targget'", "Did you mean 'target'?"),
        ("Metric: accuracy", "no setting 'Metric'", "Did you mean 'metric'?"),
        ("zzz:", "no setting 'zzz'", "`advisor schema brief` lists the settings there are."),
        (
            "rows_at_hand: 5",
            "no setting 'rows_at_hand'",
            "Did you mean 'rows' or 'rows_obtainable' or 'unlabelled_rows'?",
        ),
        ("classes: 1:30", "classes is '1:30'", "a whole number"),  # PyYAML reads 90
        ("target: 0:30.5", "target is '0:30.5'", "a number from 0 to 1"),
        ("rows: 0x10", "rows is '0x10'", "a whole number of 0 or more"),
        ("rows: 2026-01-01", "rows is '2026-01-01'", "a whole number of 0 or more"),
        ("rows: 2026-01-01 10:00:00", "rows is '2026-01-01 10:00:00'", "a whole number of 0 or more"),
        ("latency_ms: 2001-99-99", "latency_ms is '2001-99-99'", "a number above 0"),
        ("rows: '-5'", "rows is -5", "a whole number of 0 or more"),
        ("classes: 1", "classes is 1, and with one", "Give 2 or more: text-classification"),
        ("task: image-classification\nclasses: 1", "classes is 1", "Give 2 or more: image-classification"),
        ("target: 85", "target is 85", "a number from 0 to 1"),
        ("target: 85%", "target is '85%'", "a number from 0 to 1"),
        ("target: true", "target is True", "a number from 0 to 1"),
        ("target: .nan", "target is nan", "a number from 0 to 1"),
        ("target: [0.9]", "target is [0.9]", "a number from 0 to 1"),
        ("tolerance: -1", "tolerance is -1", "a number from 0 to 100"),
        (
            "metric: f1_macro",
            "metric is 'f1_macro'",
            "Did you mean 'macro_f1'? Allowed for metric: accuracy or macro_f1",
        ),
        ("metric: 3", "metric is 3", "accuracy or macro_f1"),
        (
            "task: code\nmetric: macro_f1",
            "'macro_f1', which does not go with the task code",
            "pass_at_1 or exact_match",
        ),
        (
            "metric: rougeL",
            "'rougeL', which does not go with the task text-class",
            "accuracy or macro_f1; left out, it",
        ),
        ("language: en, 50", "language is '50'", "several with commas: en, de"),
        ("language: 3", "language is 3", "text"),
        ("task: classification", "task is 'classification'", "Allowed for task: text-classification or extraction"),
        ("compute: lots", "compute is 'lots'", "limited or plenty"),
        ("hours: 0", "hours is 0", "a number above 0"),
        ("money: -1", "money is -1", "a number of 0 or more"),
        ("rows: 0,5", "rows is '0,5'", "a whole number of 0 or more"),
        ("models: 3", "models is 3", "a list"),
        ("latency_ms: 0", "latency_ms is 0", "a number above 0"),
        ("latency_ms: .inf", "latency_ms is inf", "a number above 0"),
        ("gpu_memory_gb: 24GB", "gpu_memory_gb is '24GB'", "a number of 0 or more"),
        ("requests_per_month: 1.5", "requests_per_month is 1.5", "a whole number of 0 or more"),
        ("requests_per_day: 5k", "no setting 'requests_per_day'", "by the month; write 30 times as many"),
        ("requests_per_day: 5k", "no setting 'requests_per_day'", "requests_per_month: 150000."),
        ("requests_per_day:", "no setting 'requests_per_day'", "as requests_per_month."),
        ("data_may_leave: perhaps", "data_may_leave is 'perhaps'", "true or false"),
        ("facts_change: 2", "facts_change is 2", "true or false"),
        ("gpu_memory_gb: {gb: 3}", "gpu_memory_gb is {'gb': 3}", "a number of 0 or more"),
    ],
)
def test_what_cannot_be_used_is_said(tmp_path: Path, content: str | bytes, got: str, remedy: str) -> None:
    path = write(tmp_path, content)
    with pytest.raises(SettingError) as caught:
        load_brief(path)
    assert caught.value.got.startswith(str(path))
    assert got in caught.value.got
    assert remedy in caught.value.remedy
    assert len(str(caught.value)) < 600
    assert "Traceback" not in str(caught.value)
    assert "pydantic" not in str(caught.value)


def test_two_mistakes_come_in_one_message(tmp_path: Path) -> None:
    with pytest.raises(SettingError) as caught:
        load_brief(write(tmp_path, "target: 2\ntolerence: 3\n"))
    assert "target is 2" in caught.value.got
    assert "'tolerence'" in caught.value.got
    assert "Did you mean 'tolerance'?" in caught.value.remedy


def test_a_brief_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="does not exist"):
        load_brief(tmp_path / "none.yaml")
    with pytest.raises(SettingError, match="is a folder"):
        load_brief(tmp_path)
    with pytest.raises(SettingError, match="cannot be read as a path: embedded null byte"):
        load_brief("a\0b")


def test_aliases_that_unfold_without_end_stay_folded(tmp_path: Path) -> None:
    levels = "".join(f"a{k}: &a{k} [{', '.join([f'*a{k - 1}'] * 9)}]\n" for k in range(1, 30))
    with pytest.raises(SettingError) as caught:
        load_brief(write(tmp_path, f"a0: &a0 [x]\n{levels}target: *a29\n"))
    assert "'a0'" in caught.value.got


def test_every_field_can_say_what_it_allows() -> None:
    assert all(allowed(key) for key in Brief.model_fields)
    assert all(allowed(key, Facts) for key in Facts.model_fields)


def test_every_field_is_described_in_the_schema() -> None:
    fields = Brief.model_json_schema()["properties"]
    assert set(fields) == set(Brief.model_fields)
    assert all(field["description"].endswith((".", ").")) for field in fields.values())


# Settings in flags


def test_settings_have_the_type_of_their_field() -> None:
    texts = [
        "rows=5k",
        "label-price = 0.05",
        "facts_change=no",
        "compute=plenty",
        "model_languages=a,b",
        "context=512",
        "gpu=",
    ]
    found = settings_from(texts)
    assert found == {
        "rows": 5_000, "label_price": 0.05, "facts_change": False, "compute": "plenty", "model_languages": ("a", "b"),
        "context": 512, "gpu": None,
    }  # fmt: skip
    assert type(found["rows"]) is int
    assert settings_from(["metric="]) == {"metric": None}
    assert settings_from(["language=en,sw"]) == {"language": "en, sw"}
    assert settings_from(["domain=a=b"]) == {"domain": "a=b"}
    assert settings_from([]) == {}


@pytest.mark.parametrize(
    ("texts", "got", "remedy"),
    [
        (["rows"], "--set 'rows' is no setting", "--set rows=5000"),
        (["=5"], "'=5' is no setting", "key=value"),
        (["row=5"], "no setting 'row'", "Did you mean 'rows'?"),
        (["rows=5", "rows=6"], "sets rows twice", "one of them"),
        (["rows=many"], "rows is 'many'", "a whole number of 0 or more"),
        (["models=minilm"], "--set cannot set models: no model is read by it", "with --model"),
        (["model=minilm"], "--set cannot set model: no model", "as `models` in the brief"),
        (["train_rows=500"], "cannot set train_rows", "`advisor schema facts` lists"),
        (["gpu=abacus"], "gpu is 'abacus'", "Known: T4"),
        (["compute=limitd"], "compute is 'limitd'", "Did you mean 'limited'?"),
        (["rows=-1", "target=3"], "rows is -1", "Allowed for target: a number from 0 to 1"),
        (["money=-0.5"], "money is -0.5", "a number of 0 or more"),
        (["rows=1.5k", "gpus=1.50"], "gpus is 1.50", "a whole number of 1 or more"),
        (["classes=1"], "classes is 1, and with one", "Give 2 or more"),
        (["truncated=0.1"], "no setting 'truncated'", "Did you mean 'truncated_share'? `advisor schema facts` lists"),
    ],
)
def test_settings_that_cannot_be_used_are_said(texts: list[str], got: str, remedy: str) -> None:
    with pytest.raises(SettingError) as caught:
        settings_from(texts)
    assert got in caught.value.got
    assert remedy in caught.value.remedy


# Written as YAML


@pytest.mark.parametrize(
    "brief",
    [
        Brief(),
        Brief(metric="macro_f1", target=0.9, tolerance=0.5, rows=640),
        Brief(
            language="no, en",
            task="code",
            metric="pass_at_1",
            domain='"clauses": # of\n law – 法律',
            facts_change=False,
            expects_shift=True,
        ),
        Brief(gpu="H100", gpus=8, models=("minilm", "./mine"), expertise="none", model_parameters=7_000_000_000),
    ],
    ids=["empty", "numbers", "texts", "lists"],
)
def test_a_brief_written_is_read_back(tmp_path: Path, brief: Brief) -> None:
    again = load_brief(write(tmp_path, to_yaml(brief)))
    assert again == brief
    assert {key for key in again.model_fields_set if getattr(again, key) is not None} == brief.model_fields_set


def test_a_written_brief_explains_every_setting() -> None:
    text = to_yaml(Brief(rows=640))
    for key, field in Brief.model_fields.items():
        assert f"\n{key}:" in text
        assert (field.description or "")[:40].split(" `")[0] in text
    assert "# Allowed: text-classification or extraction" in text
    assert "# Allowed: a number from 0 to 100. Default: 1.0." in text
    assert max(map(len, text.splitlines())) <= 120


def test_a_brief_is_frozen_strict_and_faithful_through_json() -> None:
    brief = Brief(target=0.9, domain_related=False, requests_per_month=5)
    assert Brief.model_validate_json(brief.model_dump_json()) == brief
    with pytest.raises(ValidationError, match="frozen"):
        brief.target = 0.8  # type: ignore[misc]
    with pytest.raises(ValidationError, match="extra"):
        Brief(budget=3)  # type: ignore[call-arg]


@pytest.mark.parametrize("name", ["none", "None", "cpu", "no", False])
def test_no_gpu_can_be_said_by_name(name: object) -> None:
    brief = brief_from({"gpu": name, "gpu_memory_gb": 24})
    assert (brief.gpu, brief.gpu_memory_gb) == (None, 0)
    assert gather(Brief(gpu="T4"), changes=checked_settings({"gpu": name})).gpu_bytes == 0
