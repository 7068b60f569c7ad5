"""What can be asked of a user: one question a fact, with the values that a rule may plausibly meet."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

from advisor.facts import Facts
from advisor.metrics import MEANING, METRICS, Task


def machine_is_known(facts: Facts) -> bool:
    """Whether nobody need say what will train: rows that were read are measured on the machine at hand.

    Without rows, that machine is only supposed to be the one; what it has counts as not known (`gpu_memory_gb`).

    Examples
    --------
    >>> machine_is_known(Facts(device="cpu")), machine_is_known(Facts(device="cpu", rows_read=True))
    (False, True)
    """
    return facts.device is not None and facts.rows_read


def _always(_facts: Facts) -> bool:
    return True


def _classifies(facts: Facts) -> bool:
    return facts.classification or facts.task == "image-classification"


def _generates(facts: Facts) -> bool:
    return not _classifies(facts)


def _reads_text(facts: Facts) -> bool:
    """Whether the model is still to be told about, and reads texts: of images it is neither encoder nor causal LM."""
    return facts.model is None and facts.task != "image-classification"


def _prompts(facts: Facts) -> bool:
    return facts.model_kind != "encoder"


def _metrics(facts: Facts) -> tuple[str, ...]:
    return METRICS[facts.task]


def _about_metrics(facts: Facts) -> str:
    usual = METRICS[facts.task]
    return "; ".join(f"{name}: {MEANING[name]}" for name in usual) + f". Left open, it is {usual[0]}."


@dataclass(frozen=True, slots=True)
class Question:
    """A question about one fact.

    Attributes
    ----------
    fact : str
        The field of the brief that the answer fills.
    text : str
        As the user reads it.
    kind : {'choice', 'yes-no', 'count', 'amount', 'share', 'text', 'gpu', 'list'}
    plausible : tuple
        Values to try where the answer is not known: from one end of what is usual to the other; all the answers there
        are to a choice.
    help : str or callable
        Why it is asked, or how to find out; of the other facts, where it hangs on them.
    group : str
        Heading it stands under.
    applies : callable
        Whether it makes sense, given the other facts.
    optional : bool
        Whether "don't know" is an answer.
    options : callable, optional
        The answers there are to a choice, where they hang on the other facts; None takes `plausible`.
    words : tuple of str
        What the plausible values stand for, where they do not speak for themselves.
    """

    fact: str
    text: str
    kind: Literal["choice", "yes-no", "count", "amount", "share", "text", "gpu", "list"]
    plausible: tuple[object, ...]
    help: str | Callable[[Facts], str] = ""
    group: str = "Task"
    applies: Callable[[Facts], bool] = _always
    optional: bool = True
    options: Callable[[Facts], tuple[str, ...]] | None = None
    words: tuple[str, ...] = ()

    def choices(self, facts: Facts) -> tuple[object, ...]:
        """Return the answers there are to a choice."""
        return self.plausible if self.options is None else self.options(facts)

    def hint(self, facts: Facts) -> str:
        """Return why it is asked, or how to find out."""
        return self.help if isinstance(self.help, str) else self.help(facts)

    def show(self, value: object) -> str:
        """Write a value as the user would."""
        if isinstance(value, bool):
            return "yes" if value else "no"
        if isinstance(value, tuple):
            return ", ".join(map(str, value))
        if isinstance(value, int | float):  # in full: 1e+12 is no number to most readers
            return f"{value:,.12f}".rstrip("0").rstrip(".")
        return str(value)

    def meaning(self, value: object) -> str:
        """Write what a plausible value stands for."""
        return self.words[self.plausible.index(value)] if self.words else self.show(value)


FIRST: tuple[Question, ...] = (
    Question(
        "task", "What kind of task is it?", "choice", get_args(Task),
        "Only text classification is probed so far; for the others there is advice.", optional=False,
    ),
    Question(
        "metric", "What counts as a good answer?", "choice", (), _about_metrics, options=_metrics,
    ),
    Question(
        "target", "Which score must be reached, 0 to 1?", "share", (),
        "Leave it open for as good as possible.",
    ),
)  # fmt: skip
"""What is asked whatever the rules say: it defines the task. An answer left open has a meaning, so none is tried."""

MODELS = Question(
    "models", "Which pretrained model do you think of?", "list", (),
    "minilm, a hub id (owner/name) or a local folder; several with commas. What it says itself is not asked.",
    group="Model", applies=lambda facts: facts.model is None or bool(facts.models),
)  # fmt: skip
"""Asked before what could be read from the model itself."""

DOMAIN = Question(
    "domain",
    "What is the domain, in your own words?",
    "text",
    (),
    "Such as contract law; the advice calls it that.",
    group="Domain",
)
"""Asked before how near the domain is; it gives the advice its word for it."""

QUESTIONS: tuple[Question, ...] = (
    Question(
        "rows", "How many labelled rows (examples with the right answer) do you have?", "count",
        (8, 50, 300, 2_000, 20_000, 200_000), "Nothing says more about what can be learned.",
    ),
    Question(
        "classes", "How many different labels are there?", "count", (2, 6, 20, 80),
        "Rows for each label count, not rows alone.", applies=_classifies,
    ),
    Question(
        "rows_obtainable", "How many labelled rows could you have in all, with more labelling?", "count",
        (500, 5_000, 50_000), "More labels may be cheaper than more compute.",
    ),
    Question("label_price", "What does it cost to label one row?", "amount", (0.05, 1, 10), group="Budget"),
    Question(
        "unlabelled_rows", "How many rows of this kind do you have without labels?", "count", (0, 5_000, 100_000),
        "A model can be made familiar with them before it is tuned.",
    ),
    Question(
        "corpus_tokens", "How many tokens of unlabelled text from the domain do you have (a page is about 500)?",
        "count", (0, 10_000_000, 2_000_000_000), "Continued pretraining takes tens of millions at least.",
        group="Domain",
    ),
    Question(
        "corpus_related", "Is that text of the task's own domain, and not of a neighbouring one?", "yes-no",
        (True, False), "Pretraining on text of another domain did harm on 5 of 8 tasks.", group="Domain",
        applies=lambda facts: bool(facts.corpus_tokens),
    ),
    Question("input_tokens", "How many tokens has a usual input (a page has about 500)?", "count", (20, 300, 3_000)),
    Question("output_tokens", "How many tokens has a usual answer?", "count", (5, 100, 1_000), applies=_generates),
    Question(
        "language", "Which language are the texts in (en, de, sw, …; several with commas)?", "text", ("en", "zxx"),
        "zxx for none, as in code, logs or DNA.", group="Domain",
        applies=lambda facts: facts.task != "image-classification",
        words=("a natural language", "no natural language (code, logs, DNA)"),
    ),
    DOMAIN,
    Question(
        "domain_related", "Is the domain of your texts related to the model's pretraining (usually web text)?",
        "yes-no", (True, False), "News, reviews and everyday talk are; chess notation, DNA and machine logs are not.",
        group="Domain",
    ),
    Question(
        "domain_overlap", "What share of the domain's frequent words are frequent in web text too, 0 to 1?", "share",
        (0.15, 0.3, 0.55), "Computer science papers .19, biomedicine .27, reviews .35, news .54.", group="Domain",
    ),
    Question(
        "probe_lift", "By how much does a linear probe beat always guessing the most frequent class, 0 to 1?", "share",
        (0.01, 0.1, 0.4), "`advisor probe --strategies linear_probe` tells in seconds.", group="Domain",
        applies=lambda facts: facts.domain_related is False,
    ),
    Question(
        "pretraining_lift", "By how much does tuning beat the same model from random weights, -1 to 1?", "share",
        (0.0, 0.05, 0.2), "`advisor probe --strategies full,from_scratch` tells.", group="Domain",
        applies=lambda facts: facts.probe_lift is not None,
    ),
    Question(
        "facts_change", "Do right answers need facts that are new or change (prices, rules, stock)?", "yes-no",
        (True, False), group="Domain",
    ),
    Question(
        "expects_shift", "Will the texts in use differ from your rows (other source, time or users)?", "yes-no",
        (True, False), group="Use",
    ),
    Question(
        "shift_kind", "What will differ: how the texts look (input), or which answers are right (output)?", "choice",
        ("input", "output"), group="Use", applies=lambda facts: bool(facts.expects_shift),
    ),
    Question(
        "retention_required", "Must the model keep its general ability beside this task?", "yes-no", (True, False),
        group="Use", applies=_prompts,
    ),
    Question(
        "prompted_score", "What does a strong prompted LLM score on this task, 0 to 1, if you tried?", "share",
        (0.6, 0.9), "An hour with twenty rows tells; no other number says more about what tuning can add.",
    ),
    Question("requests_per_month", "How many texts a month will the finished model be asked about?", "count",
             (300, 30_000, 3_000_000), group="Use"),
    Question("latency_ms", "How many milliseconds may one answer take?", "amount", (50, 500, 5_000), group="Use"),
    Question("prompt_tokens", "How many tokens of instructions and examples would a prompt need?", "count",
             (100, 1_000, 8_000), group="Use", applies=_prompts),
    Question("token_price", "What does a million prompt tokens cost you?", "amount", (0.1, 1, 10), group="Budget",
             applies=_prompts),
    Question("data_may_leave", "May your texts be sent to someone else's machine?", "yes-no", (True, False),
             group="Use"),
    # What is tried of a GPU is its memory, below.
    Question("gpu", "Which GPUs will you train on?", "gpu", (),
             "By name or memory: RTX4090, 8 x H100, 24 GB, none, this machine.", group="Budget"),
    Question("gpu_memory_gb", "How much memory has the GPU, in GB (0 for no GPU)?", "amount", (0, 16, 24, 80),
             group="Budget", applies=lambda facts: facts.gpu is None or facts.gpu_memory_gb is not None),
    Question("gpus", "How many of those GPUs?", "count", (1, 8), group="Budget",
             applies=lambda facts: bool(facts.gpu_bytes)),
    Question("gpu_hourly_price", "What does one GPU cost an hour?", "amount", (0.4, 4), group="Budget",
             applies=lambda facts: bool(facts.gpu_bytes)),
    Question("compute", "How do you see your compute for this task?", "choice", ("limited", "plenty"),
             group="Budget"),
    Question("hours", "How many hours may training take?", "amount", (0.5, 8, 72), group="Budget"),
    Question("money", "How much may training cost?", "amount", (5, 100, 5_000), group="Budget"),
    Question("expertise", "How much experience with training models is there?", "choice", ("none", "some", "expert"),
             group="Team"),
    Question("upkeep", "How much upkeep (retraining, serving, monitoring) will you do?", "choice", ("low", "high"),
             group="Team"),
    Question("model_kind", "Is the model an encoder (BERT-like) or a causal LM (GPT-like)?", "choice",
             ("encoder", "causal"), group="Model", applies=_reads_text),
    Question("model_parameters", "How many weights has the model (7e9 for 7B)?", "count",
             (22_000_000, 400_000_000, 7_000_000_000), group="Model", applies=lambda facts: facts.model is None),
    Question("instruction_tuned", "Was it tuned to follow instructions?", "yes-no", (True, False), group="Model",
             applies=lambda facts: _reads_text(facts) and facts.model_kind == "causal"),
)  # fmt: skip
"""Every question that some rule may wait for, in the order in which it is asked."""

ALL = {question.fact: question for question in (*FIRST, MODELS, *QUESTIONS)}
"""Every question, by its fact, in the order in which answers are put together."""
