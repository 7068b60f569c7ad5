"""The interview asks what matters and nothing else, and takes answers in any order, back, and again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisor.answers import read_answer
from advisor.brief import Brief
from advisor.brief_file import load_brief, to_yaml
from advisor.engine import weigh
from advisor.facts import Facts, gather
from advisor.metrics import METRICS, Task
from advisor.questionnaire import Interview, draft_beside, load_draft, save_draft
from advisor.questions import ALL, FIRST, MODELS, QUESTIONS
from advisor.rules import RULES, Rule
from advisor.rules.base import Effects, push, rule
from advisor.rules.start import PRIOR
from probes.errors import ModelError, SettingError
from probes.hardware import Hardware

LAPTOP = Hardware(
    device="cpu", device_name="x86_64", cores=2, memory_bytes=64 * 10**9, device_memory_bytes=None, bf16=False
)


def sample(ask: Any) -> Rule:
    return rule("sample", "M", "common practice", tuple(PRIOR), example={})(ask)


@sample
def few_rows(facts: Facts) -> Effects | None:
    """Wants rows, and below a hundred nothing else."""
    if facts.rows is None:
        return None
    return push("few", lora="block") if facts.rows < 100 else ()


@sample
def shifts(facts: Facts) -> Effects | None:
    """Wants to know about shift once there are rows enough, and which."""
    if facts.rows is None or facts.rows < 100 or not facts.expects_shift:
        return None
    return push("shift", lora="-W") if facts.shift_kind == "input" else ()


@sample
def fits(facts: Facts) -> Effects | None:
    """Wants memory, and the model's size."""
    if facts.rows is None or facts.rows < 100 or facts.memory is None or facts.lora_bytes is None:
        return None
    return push("memory", lora="block") if facts.lora_bytes > facts.memory else ()


SAMPLES = (few_rows, shifts, fits)


def interview(base: Brief = Brief(), rules: Sequence[Rule] = SAMPLES, **known: Any) -> Interview:  # noqa: B008
    return Interview(lambda brief: [gather(brief, changes=known)], base, tuple(PRIOR), rules)


def asked(talk: Interview, **replies: str) -> list[str]:
    """Answer every question, "don't know" where nothing else is given; return what was asked."""
    order = []
    while (question := talk.next()) is not None:
        order.append(question.fact)
        assert len(order) < 60
        talk.answer(question.fact, replies.get(question.fact, "?" if question.optional else question.plausible[0]))
    return order


def test_what_defines_the_task_comes_first_and_then_what_rules_wait_for() -> None:
    assert asked(interview(), rows="5k", gpu="24 GB") == [
        "task", "metric", "target", "rows", "expects_shift", "gpu", "gpus", "models", "model_parameters",
    ]  # fmt: skip


def test_a_rule_that_is_decided_asks_nothing_more() -> None:
    assert asked(interview(), rows="8") == ["task", "metric", "target", "rows"]


def test_an_answer_may_raise_another_question() -> None:
    assert "shift_kind" in asked(interview(), rows="5k", expects_shift="yes")
    assert "shift_kind" not in asked(interview(), rows="5k", expects_shift="no")


def test_what_is_measured_or_in_the_brief_is_not_asked() -> None:
    order = asked(interview(Brief(task="text-classification", gpu="T4"), rows=5_000))
    assert order == ["metric", "target", "expects_shift", "gpus", "models", "model_parameters"]


def test_dont_know_is_asked_once_and_stays_not_known() -> None:
    talk = interview()
    order = asked(talk)
    assert len(order) == len(set(order))
    assert (talk.brief.rows, talk.shown("rows")) == (None, "don't know")


def test_the_task_always_has_an_answer() -> None:
    with pytest.raises(SettingError, match="task is not known"):
        interview().answer("task", "?")


@pytest.mark.parametrize("task", METRICS)
def test_every_task_has_its_metrics_to_choose_from(task: Task) -> None:
    talk = interview()
    talk.answer("task", task)
    question = talk.next()
    assert question is ALL["metric"]
    assert talk.choices(question) == METRICS[task]
    assert all(f"{metric}: " in talk.hint(question) for metric in METRICS[task])
    assert f"Left open, it is {METRICS[task][0]}." in talk.hint(question)
    for metric in METRICS[task]:
        talk.answer("metric", metric)
        assert talk.brief.scored_by == talk.brief.metric == metric
    talk.answer("metric", "?")
    assert (talk.brief.metric, talk.brief.scored_by) == (None, METRICS[task][0])


def test_a_metric_that_does_not_go_with_a_changed_task_is_asked_anew_and_comes_back_with_it(tmp_path: Path) -> None:
    talk = interview()
    asked(talk, task="text-classification", metric="macro_f1", rows="8")
    talk.answer("task", "code")
    assert talk.brief == Brief(task="code", rows=8)
    assert "macro_f1" not in [shown for _, shown in talk.answers]
    assert talk.next() is ALL["metric"]
    with pytest.raises(SettingError, match="does not go with the task code"):
        talk.answer("metric", "macro_f1")
    save_draft(tmp_path / "draft.yaml", talk, {})
    again = interview()
    again.restore(load_draft(tmp_path / "draft.yaml")[1])
    for one in (talk, again):
        one.answer("task", "image-classification")
        assert one.brief.metric == "macro_f1"
        assert one.next() is None


def test_a_model_of_images_is_neither_encoder_nor_causal() -> None:
    for task, kinds in (("image-classification", set()), ("text-classification", {"model_kind", "instruction_tuned"})):
        order = asked(interview(Brief.model_validate({"task": task}), RULES), rows="500", model_kind="causal")
        assert {"model_kind", "instruction_tuned"} & set(order) == kinds
        assert "model_parameters" in order


def test_the_gpu_is_asked_for_whatever_the_machine_at_hand_has() -> None:
    for known in ({}, {"rows_read": True}):
        assert "gpu" in asked(interview(rules=RULES, device="cpu", memory_bytes=10**10, **known), rows="500")


def test_the_domain_is_named_before_it_is_judged() -> None:
    order = asked(interview(rules=RULES), rows="3000", classes="12", domain="contract clauses")
    assert order[order.index("domain_related") - 1] == "domain"


def test_a_refused_answer_changes_nothing() -> None:
    talk = interview(Brief(task="text-classification", metric="accuracy", target=0.9))
    question = talk.next()
    assert question is not None
    with pytest.raises(SettingError, match="a whole number of 0 or more"):
        talk.answer("rows", "many")
    assert talk.next() == question
    assert talk.brief == Brief(task="text-classification", metric="accuracy", target=0.9)


def test_a_model_that_cannot_be_read_is_refused() -> None:
    def gathered(brief: Brief) -> list[Facts]:
        if "nowhere" in brief.models:
            raise ModelError("nowhere does not exist", "Name another.")
        return [gather(brief)]

    talk = Interview(gathered, strategies=tuple(PRIOR), rules=SAMPLES)
    with pytest.raises(ModelError):
        talk.answer("models", "nowhere")
    talk.answer("models", "somewhere, elsewhere")
    assert talk.brief.models == ("somewhere", "elsewhere")


def test_going_back_leads_through_every_question_and_remembers_the_answers() -> None:
    talk = interview()
    order = asked(talk, rows="5k", expects_shift="yes", shift_kind="input", gpu="RTX4090")
    before = talk.brief
    for fact in reversed(order):
        assert talk.back()
        question = talk.next()
        assert question is not None
        assert question.fact == fact
    assert not talk.back()
    assert talk.brief == Brief()
    for fact in order:
        question = talk.next()
        assert question is not None
        assert question.fact == fact
        talk.answer(fact, talk.shown(fact))
    assert talk.next() is None
    assert talk.brief == before


def test_an_earlier_answer_can_be_changed_and_what_hung_on_it_goes_with_it() -> None:
    talk = interview()
    asked(talk, rows="5k", expects_shift="yes", shift_kind="input")
    talk.revise("expects_shift")
    assert talk.next() is ALL["expects_shift"]
    assert talk.shown("expects_shift") == "yes"
    talk.answer("expects_shift", "no")
    assert talk.next() is None
    assert (talk.brief.expects_shift, talk.brief.shift_kind) == (False, None)
    talk.answer("expects_shift", "yes")  # and comes back with it
    assert talk.brief.shift_kind == "input"


def test_a_changed_answer_may_raise_new_questions() -> None:
    talk = interview()
    asked(talk, rows="8")
    talk.revise("rows")
    talk.answer("rows", "5k")
    question = talk.next()
    assert question is not None
    assert question.fact == "expects_shift"


def test_back_from_a_revision_leaves_the_answer() -> None:
    talk = interview()
    asked(talk, rows="8")
    talk.revise("rows")
    assert talk.back()
    assert talk.next() is None
    assert talk.brief.rows == 8


def test_enough_is_enough_once_the_task_is_defined() -> None:
    talk = interview()
    talk.finish()
    assert asked(talk) == ["task"]


def test_a_draft_brings_everything_back(tmp_path: Path) -> None:
    talk = interview(Brief(tolerance=2))
    asked(talk, rows="5k", expects_shift="yes", shift_kind="input", gpu="2 x T4", models="minilm", target="85%")
    talk.back()
    file = draft_beside(tmp_path / "plan.yaml")
    save_draft(file, talk, {"source": "rows.csv"})
    request, draft = load_draft(file)
    again = interview()
    again.restore(draft)
    assert request == {"source": "rows.csv"}
    assert (again.brief, again.answers, again.next()) == (talk.brief, talk.answers, talk.next())
    assert again.to_draft() == talk.to_draft()
    while again.back():
        talk.back()
    assert again.to_draft() == talk.to_draft()


@pytest.mark.parametrize(
    "text",
    [
        "a: 1",
        "request: {}\nanswers: {}",
        "request: {}\nsettings: {}\nanswers: {nonsense: {}}\norder: []\ntaken_back: {}",
        "request: {}\nsettings: {}\nanswers: {rows: {rows: many}}\norder: []\ntaken_back: {}",
        "request: {}\nsettings: {}\nanswers: {}\norder: [rows]\ntaken_back: {}",
    ],
)
def test_a_damaged_draft_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "draft.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(SettingError):
        interview().restore(load_draft(file)[1], str(file))


# What an answer means


@pytest.mark.parametrize(
    ("fact", "text", "means"),
    [
        ("rows", "5k", {"rows": 5_000}),
        ("rows", "5,000", {"rows": 5_000}),
        ("rows", " 5 000 ", {"rows": 5_000}),
        ("rows", "2m", {"rows": 2_000_000}),
        ("model_parameters", "7e9", {"model_parameters": 7_000_000_000}),
        ("model_parameters", "1.1B", {"model_parameters": 1_100_000_000}),
        ("target", ".85", {"target": 0.85}),
        ("target", "85%", {"target": 0.85}),
        ("target", "", {}),
        ("facts_change", "no", {"facts_change": False}),
        ("expects_shift", "Don't know", {}),
        ("language", "no", {"language": "no"}),
        ("language", "English, DE, pt-BR", {"language": "en, de, pt"}),
        ("gpu", "none", {"gpu_memory_gb": 0.0}),
        ("gpu", "24 GB", {"gpu_memory_gb": 24.0}),
        ("gpu", "rtx 4090", {"gpu": "RTX4090"}),
        ("gpu", "8 x A100-80", {"gpu": "A100-80", "gpus": 8}),
        ("gpu", "2x24GB", {"gpu_memory_gb": 24.0, "gpus": 2}),
        ("gpu", "this machine", {"gpu_memory_gb": 0.0}),
        ("models", "minilm, ./mine", {"models": ("minilm", "./mine")}),
    ],
)
def test_answers_are_read_as_people_write_them(fact: str, text: str, means: dict[str, object]) -> None:
    assert read_answer(ALL[fact], text, gather(hardware=LAPTOP)) == means


@pytest.mark.parametrize(
    ("fact", "text", "says"),
    [
        ("rows", "many", "a whole number of 0 or more"),
        ("rows", "-3", "a whole number of 0 or more"),
        ("rows", "2.5", "a whole number of 0 or more"),
        ("rows", "0,5", "a whole number of 0 or more"),
        ("target", "85", "a number from 0 to 1"),
        ("target", "850%", "a number from 0 to 1"),
        ("latency_ms", "0", "a number above 0"),
        ("compute", "lots", "limited or plenty"),
        ("facts_change", "perhaps", "true or false"),
        ("gpu", "rtx 4080", "Did you mean RTX4090?"),
        ("gpu", "0 x H100", "a whole number of 1 or more"),
    ],
)
def test_what_cannot_be_used_is_said(fact: str, text: str, says: str) -> None:
    with pytest.raises(SettingError) as caught:
        read_answer(ALL[fact], text)
    assert says in caught.value.remedy


# The questions


def test_every_setting_of_the_brief_has_one_question() -> None:
    facts = [question.fact for question in (*FIRST, MODELS, *QUESTIONS)]
    assert len(facts) == len(set(facts))
    # How far from the best is as good is a matter of the verdicts, and has a default of its own.
    assert set(facts) == set(Brief.model_fields) - {"tolerance"}


@pytest.mark.parametrize("question", ALL.values(), ids=lambda question: question.fact)
def test_plausible_values_are_allowed_and_read_back_as_shown(question: Any) -> None:
    for value in question.plausible:
        assert getattr(Facts(**{question.fact: value}), question.fact) == value
        if question.kind != "gpu":
            assert read_answer(question, question.show(value)) == {question.fact: value}
    assert question.text.endswith("?")


# Properties

ANSWERS: dict[str, tuple[str, ...]] = {
    fact: tuple(question.show(value) for value in question.plausible) + (("?",) if question.optional else ())
    for fact, question in ALL.items()
} | {"gpu": ("none", "24 GB", "8 x H100", "?"), "language": ("en", "sw"), "domain": ("law",), "models": ("?",)}


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_permutation_of_the_answers_gives_the_same_advice(data: st.DataObject) -> None:
    facts = data.draw(st.lists(st.sampled_from(list(ANSWERS)), unique=True, max_size=12))
    replies = {fact: data.draw(st.sampled_from(ANSWERS[fact])) for fact in facts}
    outcomes = []
    for order in (facts, data.draw(st.permutations(facts))):
        talk = interview(rules=RULES)
        for fact in order:
            talk.answer(fact, replies[fact])
        outcomes.append((talk.brief, weigh(talk.facts[0], tuple(PRIOR)), talk.next(), talk.answers))
    assert outcomes[0] == outcomes[1]


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_the_interview_ends_and_its_brief_reads_back(data: st.DataObject, tmp_path_factory: Any) -> None:
    talk = interview(rules=RULES)
    seen: set[str] = set()
    while (question := talk.next()) is not None:
        assert question.fact not in seen
        seen.add(question.fact)
        talk.answer(question.fact, data.draw(st.sampled_from(ANSWERS[question.fact] or ("?",))))
    file = tmp_path_factory.mktemp("brief") / "brief.yaml"
    file.write_text(to_yaml(talk.brief), encoding="utf-8")
    assert load_brief(file) == talk.brief
