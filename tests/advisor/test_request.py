"""Durations, strategy names and the bounds of a request."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from advisor.request import DataRequest, Request, checked, parse_budget, parse_duration, parse_strategies
from probes.errors import SettingError
from strategies import CORE, NAMES


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 90),
        ("90s", 90),
        ("10m", 600),
        ("1h", 3600),
        ("1.5h", 5400),
        ("0.5s", 0.5),
        ("1h30m", 5400),
        ("1h 30m 15s", 5415),
        (" 10M ", 600),
        ("2 h", 7200),
    ],
)
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text",
    ["", "soon", "0", "0s", "-5m", "10d", "1h30", "10 10", "m", "1e3", "nan", "inf", "1,5h", "9999999h", "5m!", "²s"],
)
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(SettingError) as refused:
        parse_duration(text, "--hurry")
    assert repr(text) in refused.value.got
    assert refused.value.got.startswith("--hurry")


def test_a_budget_may_have_no_limit() -> None:
    assert (parse_budget("none"), parse_budget(" None "), parse_budget("90")) == (None, None, 90)
    with pytest.raises(SettingError, match="'nothing'"):
        parse_budget("nothing")


def test_a_refusal_is_spelled_as_its_door_spells() -> None:
    with pytest.raises(SettingError) as refused:
        checked(
            Request, lambda name: f"--{name}", "See --help.", data=DataRequest(source="rows.csv"), budget_seconds=-1
        )
    assert refused.value.got.startswith("--budget -1: ")
    assert refused.value.remedy == "See --help."


def test_strategies_come_lightest_first_and_once() -> None:
    assert parse_strategies(None) == CORE
    assert parse_strategies(None, default=NAMES) == parse_strategies(" all ") == NAMES
    assert Request(data=DataRequest(source="rows.csv")).strategies == CORE
    assert parse_strategies("full,lora,baseline,full") == ("baseline", "lora", "full")
    assert parse_strategies(" linear-probe , ") == ("linear_probe",)


@pytest.mark.parametrize(
    ("text", "says"), [("", "empty"), (",,", "empty"), ("lora,fulll", "'fulll'"), ("LORA", "'LORA'")]
)
def test_what_is_no_strategy(text: str, says: str) -> None:
    with pytest.raises(SettingError) as refused:
        parse_strategies(text)
    assert says in refused.value.got
    assert "linear_probe" in refused.value.remedy


@pytest.mark.parametrize(
    "values",
    [{"seeds": 0}, {"seeds": 21}, {"train_rows": 1}, {"budget_seconds": 0}, {"budget_seconds": -1}, {"other": 1}],
)
def test_a_request_has_bounds(values: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Request.model_validate({"data": DataRequest(source="rows.csv"), **values})


def test_a_request_survives_json() -> None:
    request = Request(data=DataRequest(source="rows.csv", text_column="t"), models=("a", "b"), budget_seconds=None)
    assert Request.model_validate_json(request.model_dump_json()) == request
