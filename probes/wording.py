"""The wording of a prompt: label words, instruction and demonstrations, within the tokens that the model can read."""

from __future__ import annotations

import bisect
import collections
import copy
import math
import random
import re
from collections.abc import Sequence
from typing import Any, Literal

from probes.base import Frozen
from probes.data import Rows
from probes.errors import MeasurementFailed
from probes.likelihood import Encoded, LabelEncoder
from probes.recipe import Prompt
from probes.sampling import nested_order
from probes.workbench import Workbench

SEPARATOR = "\n\n"
"""What follows a demonstration, and ends a label where one label begins another."""


def label_words(classes: Sequence[str]) -> tuple[str, ...]:
    """Make class names readable; names that would become the same stay as they are.

    Examples
    --------
    >>> label_words(["card_arrival", "top-up", "-1", "a_b", "a-b"])
    ('card arrival', 'top up', '-1', 'a_b', 'a-b')
    """
    readable = [" ".join(re.sub(r"(?<=[^\W_])[-_]+(?=[^\W_])", " ", c).split()) for c in classes]
    count = collections.Counter(readable)
    return tuple(w if w and count[w] == 1 else c for c, w in zip(classes, readable, strict=True))


class Demonstration(Frozen):
    """A training row that the prompt shows."""

    text: str
    pair: str | None = None
    """The second text of a pair task."""
    label: int
    """Index into the classes."""
    number: int
    """1-based number of the row in the user's file."""


class PromptDocument(Frozen):
    """All that makes a prompted classifier, but for the model's weights: the contents of `prompt.json`."""

    format: Literal["advisor-prompt-1"] = "advisor-prompt-1"
    model_id: str
    """Hub id, or the folder's path."""
    revision: str | None
    """Commit on the hub."""
    recipe: Prompt
    classes: tuple[str, ...]
    words: tuple[str, ...]
    """What stands for each class in the prompt."""
    instruction: str
    """The instruction with the label words filled in; empty where it did not fit."""
    demonstrations: tuple[Demonstration, ...] = ()
    """In the order in which the prompt shows them."""
    pairs: bool
    """Whether each row holds two texts."""
    chat: bool
    """Whether the model's chat template is used: demonstrations are earlier turns, the label starts the answer."""
    content_free: tuple[float, ...] | None = None
    """Log-probability of each class where the text says nothing; None without calibration."""

    @property
    def template(self) -> str:
        """What precedes the label."""
        return self.recipe.pair_template if self.pairs else self.recipe.template


def _cut(text: str, pair: str | None, drop: int) -> tuple[str, str | None]:
    """Drop so many characters from the end, as the other probes do, of the longer text of a pair first."""
    if pair is None:
        return text[: len(text) - drop], None
    keep = len(text) + len(pair) - drop
    first = min(len(text), max(keep - len(pair), math.ceil(keep / 2)))
    return text[:first], pair[: keep - first]


class Writer:
    """Writes the prompt of a document for a text, and encodes it within the length that the model can read."""

    def __init__(self, document: PromptDocument, tokenizer: Any, context: int) -> None:
        self.limit = min(document.recipe.max_length, context)
        self.document = document
        self._tokenizer = tokenizer
        words = document.words
        one_begins_another = any(a != b and b.startswith(a) for a in words for b in words)
        if document.chat:
            self._lead, end = self._turn()
        else:
            self._lead, end = ("" if document.template[-1].isspace() else " "), SEPARATOR
        self.encode = LabelEncoder(
            tokenizer,
            tuple(self._lead + w + (end if one_begins_another else "") for w in words),
            special_tokens=not document.chat,
            local=document.chat or re.search(r"[^\W_]", document.template.rpartition("}")[2]) is not None,
        )

    def holding(self, **changes: Any) -> Writer:
        """Return a writer of the same document with another instruction or other demonstrations."""
        other = copy.copy(self)
        other.document = self.document.model_copy(update=changes)
        return other

    def length(self, text: str, pair: str | None) -> int:
        """Return the tokens of the prompt with its longest label."""
        return len(self.encode(self.write(text, pair)))

    def write(self, text: str, pair: str | None) -> str:
        """Return the whole prompt, up to where the label starts."""
        document = self.document
        queries = [self._query(d.text, d.pair) for d in document.demonstrations]
        answers = [document.words[d.label] for d in document.demonstrations]
        queries.append(self._query(text, pair))
        head = document.instruction + SEPARATOR if document.instruction else ""
        if document.chat:
            turns = [{"role": "user", "content": head + queries[0]}]
            for answer, query in zip(answers, queries[1:], strict=True):
                turns += [{"role": "assistant", "content": answer}, {"role": "user", "content": query}]
            return self._chat(turns, add_generation_prompt=True)
        shown = [q + self._lead + a + SEPARATOR for q, a in zip(queries, answers, strict=False)]
        return head + "".join(shown) + queries[-1]

    def fit(self, text: str, pair: str | None) -> tuple[Encoded, bool]:
        """Encode the prompt, leaving out the end of the text as far as needed; return whether that was so."""
        encoded = self.encode(self.write(text, pair))
        if len(encoded) <= self.limit:
            return encoded, False
        dropped = bisect.bisect_left(
            range(len(text) + len(pair or "")),
            True,
            key=lambda n: self.length(*_cut(text, pair, n)) <= self.limit,
        )
        return self.encode(self.write(*_cut(text, pair, dropped))), True

    def _query(self, text: str, pair: str | None) -> str:
        """Fill the template in one pass, so that braces in a text stay what they are."""
        values = {"text": text, "pair": pair or ""}
        return re.sub(r"\{(text|pair)\}", lambda m: values[m[1]], self.document.template)

    def _chat(self, turns: list[dict[str, str]], **options: bool) -> str:
        """Render a conversation; a model that can think first is asked not to: its answer starts with the label."""
        from jinja2 import TemplateError

        try:
            rendered: str = self._tokenizer.apply_chat_template(turns, tokenize=False, enable_thinking=False, **options)
        except TemplateError as error:
            raise MeasurementFailed(f"the model's chat template refused the prompt ({error})") from error
        return rendered

    def _turn(self) -> tuple[str, str]:
        """Return what the chat template writes before and after an answer."""
        turns = [{"role": "user", "content": "question"}]
        before = self._chat(turns, add_generation_prompt=True)
        whole = self._chat([*turns, {"role": "assistant", "content": "ANSWER"}], add_generation_prompt=False)
        lead, _, end = whole.removeprefix(before).rpartition("ANSWER")
        return (lead if lead.isspace() else ""), end.strip() or self._tokenizer.eos_token or SEPARATOR


def compose(recipe: Prompt, bench: Workbench, train: Rows) -> tuple[PromptDocument, tuple[str, ...]]:
    """Choose what the prompt holds, so that a long text still fits; return what had to be left out, too.

    Room is kept for the 95th percentile of the training texts, or for half of all tokens if that is less. Where the
    class names alone leave less, they go; then demonstrations that fit are taken one after the other.
    """
    classes = bench.data.classes
    words = label_words(classes)
    named = sorted(words)  # not in the order of the indices: how classes are numbered must not change a prediction
    listed = ("; " if any("," in w for w in words) else ", ").join(named)
    document = PromptDocument(
        model_id=bench.facts.model_id,
        revision=bench.facts.revision,
        recipe=recipe,
        classes=classes,
        words=words,
        instruction=recipe.instruction.replace("{classes}", listed),
        pairs=train.pairs is not None,
        chat=bench.facts.chat_template and bench.facts.instruction_tuned,
    )
    writer = Writer(document, bench.tokenizer, bench.facts.context)
    empty, long = ("", "" if document.pairs else None), _long_row(bench.data.train)

    def fits(candidate: Writer) -> bool:
        bench.deadline.check()
        return candidate.length(*long) <= writer.limit or candidate.length(*empty) <= writer.limit // 2

    remarks = []
    if not fits(writer):
        document = document.model_copy(update={"instruction": ""})
        writer = writer.holding(instruction="")
        remarks.append(f"the names of the {len(classes)} classes do not fit into the prompt and were left out")
        if writer.length(*empty) > writer.limit:
            raise MeasurementFailed(f"{writer.limit} tokens hold no prompt, even without a text")
    ranks = [named.index(words[label]) for label in train.labels]
    chosen = _spread(ranks, recipe.shots, recipe.seed)
    shown: list[Demonstration] = []
    for i in chosen:
        pair = None if train.pairs is None else train.pairs[i]
        one = Demonstration(text=train.texts[i], pair=pair, label=train.labels[i], number=train.numbers[i])
        if fits(writer.holding(demonstrations=(*shown, one))):
            shown.append(one)
    if len(shown) < recipe.shots:
        why = f"only {len(chosen)} training rows" if len(shown) == len(chosen) else "the others do not fit"
        remarks.append(f"{len(shown)} of {recipe.shots} demonstrations in the prompt: {why}")
    random.Random(recipe.seed).shuffle(shown)  # noqa: S311 - a reproducible order, not a secret
    return document.model_copy(update={"demonstrations": tuple(shown)}), tuple(remarks)


def _long_row(rows: Rows) -> tuple[str, str | None]:
    """Return the row at the 95th percentile of length."""
    pairs = rows.pairs or (None,) * len(rows)
    ordered = sorted(zip(rows.texts, pairs, strict=True), key=lambda row: len(row[0]) + len(row[1] or ""))
    return ordered[math.ceil(0.95 * len(ordered)) - 1]


def _spread(labels: Sequence[int], count: int, seed: int) -> list[int]:
    """Return positions of rows, the classes in turn, each class and the turns in the seeded order.

    Examples
    --------
    >>> [[0, 0, 0, 0, 1, 1][i] for i in sorted(_spread([0, 0, 0, 0, 1, 1], 4, seed=0))]
    [0, 0, 1, 1]
    """
    turns: dict[int, int] = collections.Counter()
    placed = []
    for place, i in enumerate(nested_order(labels, seed)):
        placed.append((turns[labels[i]], place, i))
        turns[labels[i]] += 1
    return [i for _, _, i in sorted(placed)[:count]]
