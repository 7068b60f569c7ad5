"""Pages for the terminal: text from rows, columns, folders and models is printed as it is and never breaks a page."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path, PurePath

import pytest

from advisor.decide import Recommendation, RunnerUp
from advisor.dry_run import LeftOut, PlannedStep, ProbePlan
from advisor.engine import advise
from advisor.explain import explain
from advisor.facts import Facts
from advisor.report.plan_page import plan_page
from advisor.report.sweep import sweep_page
from advisor.report.terminal import advice_page, profile_page, result_page, trained_page
from advisor.report.waterfall import explanation_page
from advisor.session import ProbeResult
from advisor.training import Trained
from advisor.whatif import sweep
from probes.measurement import Measurement
from probes.profile import Profile
from probes.recipe import FrozenFeatures
from probes.statistics import Interval
from strategies import NAMES, Outcome, Verdict
from tests.advisor.pages import printed

NASTY = [
    "[bold]x[/]",
    "[/oops]",
    "[red",
    "]",
    "[link=file:///x]y[/link]",
    ":smile:",
    "\\[a]",
    "%s {0}",
    "[/]",
    "[@click=quit]q[/]",
]

MakeFacts = Callable[..., Facts]


def told(profile: Profile, text: str) -> Profile:
    return profile.model_copy(
        update={"source": f"{text}.csv", "per_class": {text: 3, "b": 2}, "notes": (f"note {text}",), "tokenizer": text}
    )


def result(profile: Profile, text: str, *, outcome: Outcome | None = Outcome.CONFIRMED) -> ProbeResult:
    interval = Interval(mean=0.9, low=0.85, high=0.95)
    recipe = FrozenFeatures(pooling="mean", max_length=8)
    who = {"strategy": "linear_probe", "model": text}
    choice = outcome and Recommendation(
        **who,
        metric="accuracy",
        score=interval,
        verdict=outcome,
        because=f"because {text}",
        recipe=recipe,
        train_rows=10,
        seconds=1.0,
        transfer=f"transfer {text}",
        settle=f"settle {text}",
        runners_up=(RunnerUp(**who, verdict=Outcome.REFUTED, score=None),),
    )
    return ProbeResult(
        recommendation=choice,
        verdicts=(
            Verdict(**who, verdict=Outcome.CONFIRMED, because=f"verdict {text}", score=interval, delta=interval),
            *(Verdict(**who, verdict=other, because=text, settle=text) for other in Outcome),
        ),
        measurements=(
            Measurement(
                **who,
                recipe=recipe,
                train_rows=10,
                seed=0,
                metric="accuracy",
                score=0.9,
                validation_score=None,
                predictions=(0,),
                seconds=12.0,
                peak_bytes=2**20 * 7,
                tokens=0,
            ),
        ),
        advice=(),
        profile=told(profile, text),
        run=f"runs/{text}",
        seconds=3.0,
        notes=(f"note {text}",),
    )


@pytest.mark.parametrize("text", NASTY)
def test_profile_is_literal(text: str, profile: Profile) -> None:
    page = printed(profile_page(told(profile, text)))
    assert f"Profile of {text}.csv" in page
    assert f"{text} 3, b 2" in page
    assert f"note {text}" in page


@pytest.mark.parametrize("text", NASTY)
def test_advice_is_literal(text: str, make_facts: MakeFacts) -> None:
    facts = make_facts(model={"name": text})
    advice = advise(facts, NAMES)
    assert text in printed(advice_page(advice))
    assert text in printed(explanation_page(explain(advice)))
    assert text in printed(sweep_page(sweep(facts, "rows", [10, 100, 1_000], NAMES)))


@pytest.mark.parametrize("text", NASTY)
def test_result_is_literal(text: str, profile: Profile) -> None:
    page = printed(result_page(result(profile, text)))
    for part in (f"because {text}", f"verdict {text}", f"note {text}", f"transfer {text}", f"settle {text}"):
        assert part in page
    assert f"advisor emit runs/{text} --out config.yaml" in page


@pytest.mark.parametrize("text", NASTY)
def test_training_is_literal(text: str) -> None:
    trained = Trained(
        folder=text,
        strategy="full",
        model=text,
        metric="accuracy",
        test_score=0.9,
        test_low=0.8,
        test_high=1.0,
        accuracy=0.9,
        validation_score=None,
        train_rows=10,
        validation_rows=1,
        test_rows=2,
        converged=False,
        why_not=f"why {text}",
        seconds=1.0,
        peak_bytes=1,
        tokens=1,
        loads_as=f"load {text}",
        notes=(f"note {text}",),
    )
    page = printed(trained_page(trained))
    for part in (f"advisor predict {text} ROWS", f"why {text}", f"load {text}", f"note {text}"):
        assert part in page


@pytest.mark.parametrize("outcome", [*Outcome, None])
def test_every_outcome_has_a_page(outcome: Outcome | None, profile: Profile) -> None:
    page = printed(result_page(result(profile, "m", outcome=outcome)))
    assert "Recommendation" in page
    assert (outcome.value if outcome else "Nothing to recommend") in page


def test_the_tokens_a_candidate_read_stand_beside_its_verdict(profile: Profile) -> None:
    plain = result(profile, "x")
    read = tuple(m.model_copy(update={"tokens": 12_345}) for m in plain.measurements)
    assert "It read 12,345 tokens while learning." in printed(
        result_page(plain.model_copy(update={"measurements": read}))
    )
    assert "tokens while learning" not in printed(result_page(plain))


@pytest.mark.parametrize("text", NASTY)
def test_a_plan_is_literal_and_adds_up(text: str) -> None:
    step = {"strategy": "lora", "model": f"m{text}", "train_rows": 9_000, "seed": 0, "search_rows": 1_000}
    plan = ProbePlan(
        train_rows=9_000,
        budget_seconds=100,
        steps=(PlannedStep(**step, seconds=60, fits=True), PlannedStep(**step, seconds=70, fits=False)),
        left_out=(LeftOut(strategy="zero_shot", model=f"m{text}", because=f"because {text}"),),
        workers=2,
        seconds=60,
        seconds_beyond=70,
        seconds_before=5,
    )
    page = printed(plan_page(plan))
    assert f"because {text}" in page
    assert page.count(f"lora · {PurePath(f'm{text}').name}") == 2
    assert "130 │ no" in page
    assert "the budget is 100 s" in page
    assert "2 measurements at once" in page
    assert "about 70 s more" in page


def test_models_of_one_name_are_told_apart_in_a_plan() -> None:
    step = {"strategy": "lora", "train_rows": 9_000, "seed": 0, "search_rows": 0, "seconds": 60, "fits": True}
    plan = ProbePlan(
        train_rows=9_000,
        budget_seconds=100,
        steps=tuple(PlannedStep(**step, model=model) for model in ("runs/a/model", "runs/b/model", "runs/other")),
        left_out=(LeftOut(strategy="setfit", model="runs/a/model", because="because"),),
        workers=1,
        seconds=60,
        seconds_beyond=0,
        seconds_before=5,
    )
    page = printed(plan_page(plan))
    for name in ("lora · a/model ", "lora · b/model ", "lora · other ", "setfit · a/model: not measured"):
        assert page.count(name) == 1


def test_models_of_one_name_are_told_apart_among_verdicts(profile: Profile) -> None:
    plain = result(profile, "x")
    verdicts = tuple(plain.verdicts[0].model_copy(update={"model": model}) for model in ("a/model", "b/model"))
    page = printed(result_page(plain.model_copy(update={"verdicts": verdicts, "measurements": ()})))
    for name in ("linear_probe · a/model", "linear_probe · b/model"):
        assert page.count(f"{name} ") == 1
        assert page.count(f"{name}: verdict x") == 1


def test_numbers_are_shown_with_their_units(profile: Profile) -> None:
    page = printed(result_page(result(profile, "m")))
    assert "0.900 [0.850, 0.950]" in page
    assert "12" in page
    assert "7" in page
    assert "3 s in all; everything is kept in runs/m" in page


def test_paths_to_copy_are_not_broken(
    rows_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from advisor.cli.app import main

    def run(*arguments: object) -> str:
        with pytest.raises(SystemExit) as stopped:
            main([str(argument) for argument in arguments])
        assert stopped.value.code in {0, 3}
        return "".join(capsys.readouterr())

    monkeypatch.setenv("COLUMNS", "80")
    folder = tmp_path / "a folder with a name that is long" / ("and another one below it, longer than the line " * 2)
    probed = run("probe", rows_file, "--strategies", "baseline", "--run", folder / "run").splitlines()
    assert f"keeping the run in {folder / 'run'}" in probed
    assert f"Training config: advisor emit {folder / 'run'} --out config.yaml" in probed
    assert any(line.endswith(f"everything is kept in {folder / 'run'}") for line in probed)
    config, model = folder / "config.yaml", folder / "model"
    emitted = run("emit", folder / "run", "--out", config).splitlines()
    assert f"wrote {config}; train it with: advisor train {config}" in emitted
    assert f"Next: advisor predict {model} ROWS" in run("train", config, "--out", model).splitlines()


def test_nasty_rows_go_through_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from advisor.cli.app import main

    monkeypatch.setenv("COLUMNS", "300")
    rows = tmp_path / "[bold]rows[red].csv"
    rows.write_text(
        "[/text],label\n" + "".join(f"[/oops] {i} [bold]word[/],{'[/a]' if i % 2 else '[red]'}\n" for i in range(40)),
        encoding="utf-8",
    )
    calls = (
        ["profile", str(rows), "--model", "none", "--text-column", "[/text]"],
        ["recommend", "--data", str(rows), "--text-column", "[/text]"],
        ["profile", str(rows), "--model", "none", "--text-column", "[/nope]"],
        ["probe", str(tmp_path / "[gone].csv")],
    )
    for arguments in calls:
        with pytest.raises(SystemExit) as stopped:
            main(arguments)
        out, err = capsys.readouterr()
        assert stopped.value.code == (2 if "[/nope]" in arguments or "gone" in arguments[-1] else 0), err
        assert "Traceback" not in err
        if arguments[0] == "profile" and stopped.value.code == 0:
            assert "[/a] 20, [red] 20" in out
            assert "[bold]rows[red].csv" in out
        if stopped.value.code == 2:
            assert "[/nope]" in err or "gone].csv" in err
