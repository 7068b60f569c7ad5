"""The questionnaire without a terminal: which question comes next, going back and editing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from advisor.answers import Settings, read_answer
from advisor.brief import Brief
from advisor.engine import pending
from advisor.facts import Facts
from advisor.metrics import METRICS, task_of
from advisor.questions import ALL, DOMAIN, FIRST, MODELS, QUESTIONS, Question
from advisor.rules import RULES, Rule
from advisor.rules.start import PRIOR
from advisor.settings import brief_from
from advisor.yaml_files import read_mapping
from probes.errors import SettingError
from probes.files import write_text

Gathered = Callable[[Brief], Sequence[Facts]]


class Interview:
    """The questions and their answers so far; knows no terminal.

    Answers are put together in the order of the questions, whatever the order they were given in, and one that makes
    no sense beside the others (labels of a summary) is kept but left out of the brief.

    Parameters
    ----------
    gathered : callable
        From a brief to the facts there are then, one for each model, or one.
    base : Brief
        What was said already; its settings count as answers.
    strategies : sequence of str
    rules : sequence of Rule
        Whose questions are asked.

    Examples
    --------
    >>> from advisor.facts import gather
    >>> interview = Interview(lambda brief: [gather(brief)])
    >>> interview.next().fact
    'task'
    >>> interview.answer("task", "summarisation")
    >>> interview.choices(interview.next())
    ('rougeL', 'preference')
    >>> interview.back(), interview.next().fact, interview.shown("task")
    (True, 'task', 'summarisation')
    """

    def __init__(
        self,
        gathered: Gathered,
        base: Brief = Brief(),  # noqa: B008 - frozen
        strategies: Sequence[str] = tuple(PRIOR),
        rules: Sequence[Rule] = RULES,
    ) -> None:
        self._gathered = gathered
        self._strategies = tuple(strategies)
        self._rules = rules
        said = {key: getattr(base, key) for key in Brief.model_fields if key in base.model_fields_set}
        self._base = {key: value for key, value in said.items() if key not in ALL}
        self._answers: dict[str, Settings] = {
            key: {key: value} for key, value in said.items() if key in ALL and value is not None and value != ()
        }
        self._order: list[str] = []
        self._former: dict[str, Settings] = {}
        self._again: str | None = None
        self._enough = False

    @property
    def brief(self) -> Brief:
        """What the answers say."""
        return self._settle()[0]

    @property
    def facts(self) -> Sequence[Facts]:
        """What is known: for each model, or without one."""
        return self._settle()[1]

    @property
    def answers(self) -> list[tuple[Question, str]]:
        """What was answered, as it is shown, in the order of the questions."""
        return [(question, self.shown(fact)) for fact, question in ALL.items() if fact in self._fitting()]

    def next(self) -> Question | None:
        """Return the question to ask now; None when there is none that still matters."""
        if self._again is not None:
            return ALL[self._again]
        _, known = self._settle()
        for first in FIRST:
            if self._enough and first.optional:
                continue
            if first.fact not in self._fitting() and any(first.applies(facts) for facts in known):
                return first
        if self._enough:
            return None
        asked = {*self._answers, *(["gpu_memory_gb"] if "gpu" in self._answers else [])}
        waiting = {q.fact for facts in known for q in pending(facts, self._strategies, self._rules)} - asked
        question = next((q for q in QUESTIONS if q.fact in waiting), None)
        if question is not None and question.group == "Model" and MODELS.fact not in self._answers:
            return MODELS
        if question is not None and question.fact == "domain_related" and DOMAIN.fact not in self._answers:
            return DOMAIN
        return question

    def choices(self, question: Question) -> tuple[object, ...]:
        """Return the answers there are to a choice, after what was answered."""
        return question.choices(self.facts[0])

    def hint(self, question: Question) -> str:
        """Return why a question is asked, after what was answered."""
        return question.hint(self.facts[0])

    def answer(self, fact: str, text: str) -> None:
        """Take an answer as it was typed or chosen.

        Raises
        ------
        SettingError
            When it cannot be used; nothing has changed then.
        """
        self._take(fact, self.read(fact, text))

    def read(self, fact: str, text: str) -> Settings:
        """Return the settings that an answer means, and take nothing yet."""
        settings = read_answer(ALL[fact], text, self.facts[0])
        if fact == MODELS.fact:  # whether there is such a model shows only when it is read
            self._gathered(brief_from({**self._base, **settings}, "answer"))
        return settings

    def back(self) -> bool:
        """Take the last answer back, so that its question comes next; say whether there was one.

        From a question that is asked again, this leads back to where it was asked from, and its answer stands.
        """
        if self._again in self._answers:
            self._again = None
            return True
        _, known = self._settle()
        while self._order:
            fact = self._order.pop()
            self._former[fact] = self._answers.pop(fact)
            if any(ALL[fact].applies(facts) for facts in known):
                self._again, self._enough = fact, False
                return True
        return False

    def revise(self, fact: str) -> None:
        """Ask a question again; its answer stands until there is another."""
        self._again = fact

    def finish(self) -> None:
        """Ask no more than what defines the task; an answer that was only looked at again stands."""
        for fact, settings in list(self._former.items()):
            self._take(fact, settings)
        self._again, self._enough = None, True

    def shown(self, fact: str) -> str:
        """Return the answer to a question, or the one that was taken back, as it is shown; "" without one."""
        settings = self._answers.get(fact, self._former.get(fact))
        if settings is None:
            return ""
        if fact == "gpu" and settings:
            memory = settings.get("gpu_memory_gb")
            name = settings.get("gpu") or ("none" if memory == 0 else f"{memory:g} GB")
            return f"{settings['gpus']} x {name}" if "gpus" in settings else str(name)
        return ALL[fact].show(settings[fact]) if settings else "don't know"

    def to_draft(self) -> dict[str, object]:
        """Return all that was answered, also what was taken back, as plain values."""
        return {
            "settings": _plain(self._base),
            "answers": {fact: _plain(settings) for fact, settings in self._answers.items()},
            "order": list(self._order),
            "taken_back": {fact: _plain(settings) for fact, settings in self._former.items()},
        }

    def restore(self, draft: Mapping[str, object], where: str = "draft") -> None:
        """Take up the answers of a draft.

        Raises
        ------
        SettingError
            When it is damaged.
        """
        settings, answers, order, former = (draft.get(key) for key in ("settings", "answers", "order", "taken_back"))
        if not (
            isinstance(settings, dict)
            and isinstance(answers, dict)
            and isinstance(former, dict)
            and isinstance(order, list)
            and all(fact in ALL and isinstance(said, dict) for fact, said in (*answers.items(), *former.items()))
            and all(fact in answers for fact in order)
        ):
            raise SettingError(f"{where} is damaged", "Remove it and start `advisor ask` afresh.")
        self._base = _typed(settings, where)
        self._answers = {fact: _typed(said, where) for fact, said in answers.items()}
        self._former = {fact: _typed(said, where) for fact, said in former.items()}
        self._order = list(order)

    def _take(self, fact: str, settings: Settings) -> None:
        self._answers[fact] = settings
        self._former.pop(fact, None)
        if fact not in self._order:
            self._order.append(fact)
        self._again = None

    def _fitting(self) -> set[str]:
        """Return the facts that were answered, less a metric that does not go with the task, which is asked anew."""
        task = self._answers.get("task", {}).get("task", Brief().task)
        metric = self._answers.get("metric", {}).get("metric")
        fits = metric is None or metric in METRICS[task]  # type: ignore[index]  # a task, as it was read
        return set(self._answers) - ({"metric"} if not fits else set())

    def _settle(self) -> tuple[Brief, Sequence[Facts]]:
        """Return brief and facts of the answers that make sense beside each other."""
        kept = self._fitting()
        while True:
            settings = dict(self._base)
            for fact in ALL:
                if fact in kept:
                    settings |= self._answers[fact]
            brief = brief_from(settings)
            known = self._gathered(brief)
            senseless = {fact for fact in kept if not any(ALL[fact].applies(facts) for facts in known)}
            if not senseless:
                return brief, known
            kept -= senseless


def _plain(settings: Settings) -> Settings:
    return {key: list(value) if isinstance(value, tuple) else value for key, value in settings.items()}


def _typed(settings: Settings, where: str) -> Settings:
    # A metric may be kept beside a task it does not go with, in case that is changed back.
    read = brief_from({"task": task_of(settings.get("metric")), **settings}, where)
    return {key: getattr(read, key) for key in settings}


def draft_beside(out: Path) -> Path:
    """Return where the draft of a brief is kept.

    Examples
    --------
    >>> draft_beside(Path("plans/brief.yaml")).name
    '.brief.draft.yaml'
    """
    return out.parent / f".{out.stem}.draft.yaml"


def save_draft(file: Path, interview: Interview, request: Mapping[str, object]) -> None:
    """Write the answers so far, whole or not at all, with what `--resume` needs to go on from them."""
    import yaml

    document = {"request": dict(request), **interview.to_draft()}
    text = "# Answers so far; `advisor ask --resume` goes on from here.\n"
    write_text(file, text + yaml.safe_dump(document, allow_unicode=True, sort_keys=False))


def load_draft(file: Path) -> tuple[dict[str, object], dict[str, object]]:
    """Return the flags a draft was started with, and its answers."""
    document = read_mapping(file, "draft", "Without one, start `advisor ask` without --resume.")
    request = document.get("request")
    if not isinstance(request, dict):
        raise SettingError(f"{file} is damaged", "Remove it and start `advisor ask` afresh.")
    return request, document
