"""Pages for the terminal: text from rows, columns, folders and models is printed as it is and never breaks a page."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path, PurePath
from typing import Any

import pytest
from rich.console import Console, RenderableType

from advisor.advice import Advice
from advisor.decide import Recommendation, RunnerUp
from advisor.dry_run import LeftOut, PlannedStep, ProbePlan
from advisor.engine import advise
from advisor.explain import explain
from advisor.facts import Facts
from advisor.flips import with_flips
from advisor.report.plan_page import plan_page
from advisor.report.progress import ProbeProgress
from advisor.report.rule_pages import rule_page, rules_page
from advisor.report.sweep import sweep_page
from advisor.report.terminal import advice_page, profile_page, result_page, trained_page
from advisor.report.waterfall import explanation_page
from advisor.rules import RULES, Rule
from advisor.rules.base import push
from advisor.rules.catalogue import rules_table
from advisor.session import ProbeResult
from advisor.training import Trained
from advisor.whatif import sweep
from probes.measurement import Measurement
from probes.profile import Profile
from probes.recipe import FrozenFeatures
from probes.statistics import Interval
from strategies import NAMES, Candidate, Outcome, Verdict

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


def printed(page: RenderableType) -> str:
    console = Console(file=io.StringIO(), width=400, highlight=False)
    console.print(page)
    file = console.file
    assert isinstance(file, io.StringIO)
    return file.getvalue()


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


@pytest.mark.parametrize("text", NASTY)
def test_progress_is_literal(text: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    with ProbeProgress() as shown:
        shown.say(text)
    assert text in capsys.readouterr().err
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    with ProbeProgress() as shown:
        step = shown.of(Candidate(strategy="full", model=text))
        step(f"learning {text}", 1, 2)
        step("done", 2, 2)
        shown.say(text)


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
        left_out=(LeftOut(strategy="zero_shot", model=text, because=f"because {text}"),),
        seconds=60,
        seconds_beyond=70,
        seconds_before=5,
    )
    page = printed(plan_page(plan))
    assert f"because {text}" in page
    assert page.count(f"lora · {PurePath(f'm{text}').name}") == 2
    assert "130 │ no" in page
    assert "the budget is 100 s" in page
    assert "about 70 s more" in page


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


@pytest.mark.parametrize("rule", rules_table(), ids=lambda rule: rule["id"])
def test_a_rule_has_a_page_with_why_what_to_do_source_bands_and_example(rule: dict[str, Any]) -> None:
    page = " ".join(printed(rule_page(rule)).split())
    bands = [f"{band['fact']}: {band['band']} [{band['source']}]" for band in rule["thresholds"]]
    sentences = [effect["because"] for effect in rule["example"]["effects"]]
    assert "What to do:" in page
    for part in (rule["id"], rule["title"], *rule["docs"].split("\n\n")[1:], rule["source"], *bands, *sentences):
        assert " ".join(str(part).split()) in page


def test_the_list_of_rules_says_where_a_rule_comes_from() -> None:
    table = [{**rules_table()[0], "origin": "rules.d/[bold]ours.yaml"}]
    assert "rules.d/[bold]ours.yaml" in printed(rules_page(table))
    assert "rules.d/[bold]ours.yaml" in printed(rule_page(table[0]))


def advice_of(**known: Any) -> Advice:
    facts = Facts.model_validate(known)
    return with_flips(facts, advise(facts, NAMES))


def test_the_advice_shows_the_best_and_each_reason_once() -> None:
    advice = advice_of(rows=3_000, classes=12, gpu_memory_gb=8, model_kind="causal", model_parameters=7e9)
    page = printed(advice_page(advice))
    ruled_out = page.partition("Ruled out: ")[2].partition("\n")[0]
    page = " ".join(page.split())
    alive = [entry for entry in advice.advice if not entry.blocked]
    blocked = [entry for entry in advice.advice if entry.blocked]
    assert len(alive) > 8
    assert blocked
    for entry in alive[:8]:
        assert f"{entry.probability:.0%} ({entry.low:.0%}–{entry.high:.0%})" in page
        for reason in entry.reasons:
            assert reason.rule == "lightest-first" or page.count(reason.because) == 1
            assert reason.rule == "lightest-first" or f"[{reason.source}]" in page
    assert f"Further down: {alive[8].strategy} {alive[8].probability:.0%}" in page
    assert [word for word in ruled_out.replace(",", "").split() if "[" not in word] == [e.strategy for e in blocked]
    for entry in blocked:
        assert next(r.because for r in entry.reasons if r.effect == "block") in page
    for sentence in (*advice.notes, advice.unknowns[0].sentence, advice.flips[0].sentence):
        assert f"• {sentence}" in page


def test_all_shows_all() -> None:
    advice = advice_of(rows=3_000, classes=12)
    page = " ".join(printed(advice_page(advice, everything=True)).split())
    assert "Further down" not in page
    assert "more with --all" not in page
    for sentence in (*(u.sentence for u in advice.unknowns), *(flip.sentence for flip in advice.flips)):
        assert sentence in page


def test_a_rule_of_a_team_is_shown_as_such() -> None:
    def ask(_: Facts) -> Any:
        return push("We said so.", lora="+S", full="block")

    rules = [*RULES, Rule("ours", "S", "our handbook", ("lora", "full"), ask, origin="rules.d/ours.yaml")]
    advice = advise(Facts(), ("lora", "full"), rules)
    for page in (advice_page(advice), explanation_page(explain(advice))):
        assert "rule of rules.d/ours.yaml" in printed(page)


def test_what_is_not_known_is_said_in_words() -> None:
    assert "no model given, training rows not known" in " ".join(printed(advice_page(advise(Facts(), NAMES))).split())


def test_a_waterfall_ends_where_the_advice_stands() -> None:
    advice = advice_of(rows=3_000, classes=12, gpu_memory_gb=8, model_kind="causal", model_parameters=7e9)
    page = printed(explanation_page(explain(advice)))
    for entry in advice.advice:
        assert f"{entry.strategy}: {'blocked' if entry.blocked else f'{entry.probability:.0%}'}" in page
    assert "× blocked" in page
    assert "█" in page


def test_a_plot_has_its_axes_and_its_legend() -> None:
    swept = sweep(Facts(classes=12, model_kind="encoder"), "rows", [20, 200, 2_000, 20_000, 200_000], NAMES)
    page = printed(sweep_page(swept))
    assert "rows, log scale" in page
    assert "100% ┤" in page
    for first in {one.ranking[0] for one in swept.values}:
        assert f"{first}  " in page
    for edge in swept.edges:
        assert f"{edge.at:,}" in page
    choices = printed(sweep_page(sweep(Facts(rows=20_000), "compute", ["limited", "plenty"], NAMES)))
    assert "plenty" in choices
    assert "┤" not in choices


def narrowed(page: RenderableType, width: int, **console: Any) -> list[str]:
    shown = Console(file=io.StringIO(), width=width, highlight=False, **console)
    shown.print(page, crop=False)
    assert isinstance(shown.file, io.StringIO)
    return shown.file.getvalue().splitlines()


@pytest.mark.parametrize("width", [40, 60, 80])
def test_a_plot_is_whole_on_a_narrow_terminal(width: int) -> None:
    swept = sweep(Facts(classes=12, model_kind="encoder"), "rows", [20, 200, 2_000, 20_000, 200_000], NAMES)
    lines = narrowed(sweep_page(swept), width)
    assert max(map(len, lines)) <= width
    assert "…" not in "".join(lines)
    axis = next(line for line in lines if "└" in line)
    assert axis.count("─") == min(60, width - 8)
    assert any(line.rstrip().endswith("200,000") for line in lines)
    assert "rows, log scale" in "\n".join(lines)
    legend = [line for line in lines if line.startswith(" " * 7) and any(f"{mark} " in line for mark in "●▲■◆▼★")]
    assert sum(len(line.split()) for line in legend) == 12
    assert all(len(line.split()) % 2 == 0 for line in legend)


@pytest.mark.parametrize("width", [40, 60, 80, 200])
def test_a_waterfall_can_be_read_on_a_narrow_terminal(width: int) -> None:
    told = explain(advice_of(rows=3_000, classes=12, model_kind="encoder"))
    lines = narrowed(explanation_page(told), width)
    assert max(map(len, lines)) <= width
    page = "\n".join(lines)
    assert "█" in page
    for step in told.strategies[0].steps:
        assert step.because.split()[0] in page
        assert f"{step.effect:+.2f}" in page
    if width < 70:
        assert " ".join(told.strategies[0].steps[0].because.split()) in " ".join(page.split())


def test_without_colours_no_colour_is_spoken_of() -> None:
    told = explain(advice_of(rows=3_000))
    plain = " ".join(
        narrowed(explanation_page(told), 200, force_terminal=True, color_system="truecolor", no_color=True)
    )
    assert "Green" not in plain
    assert "to the right" in plain
    assert "Green" in " ".join(
        narrowed(explanation_page(told), 200, force_terminal=True, color_system="truecolor", no_color=False)
    )


@pytest.mark.parametrize("width", [40, 80, 100, 160])
def test_no_id_is_broken_in_the_list_of_rules(width: int) -> None:
    lines = narrowed(rules_page(rules_table()), width)
    words = {word for line in lines for word in line.split()}
    assert {rule.id for rule in RULES} <= words
    assert ("evidence" if width > 120 else "evidence]") in words
