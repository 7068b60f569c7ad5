"""Pages of advice and of rules in the terminal: each reason once, bands, flips, plots, narrow terminals."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console, RenderableType

from advisor.advice import Advice
from advisor.engine import advise
from advisor.explain import explain
from advisor.facts import Facts
from advisor.flips import with_flips
from advisor.report.rule_pages import rule_page, rules_page
from advisor.report.sweep import sweep_page
from advisor.report.terminal import advice_page
from advisor.report.waterfall import explanation_page
from advisor.rules import RULES, Rule
from advisor.rules.base import push
from advisor.rules.catalogue import rules_table
from advisor.whatif import sweep
from strategies import NAMES
from tests.advisor.pages import printed


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
