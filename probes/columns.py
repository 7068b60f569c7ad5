"""Which column holds what: by the user's word, else by convention, else a message with the columns found."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Literal

from probes.base import Frozen
from probes.errors import DataError

SplitName = Literal["train", "validation", "test"]

SPLIT_VALUES: dict[str, SplitName] = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "development": "validation",
    "eval": "validation",
    "evaluation": "validation",
    "test": "test",
    "testing": "test",
}

# The first name of each wins over the others; among the others, two at once are ambiguous.
# fmt: off
TEXT_NAMES = (
    "text", "sentence", "content", "message", "utterance", "query", "question", "comment", "review", "body",
    "tweet", "document", "title", "input", "abstract", "headline", "description", "statement", "post", "texts",
    "sentences", "messages", "utterances", "comments", "reviews", "tweets", "documents", "inputs", "comment_text",
    "review_text", "review_body", "reviewtext", "tweet_text", "full_text", "raw_text", "text_a", "prompt", "email",
    "sms", "transcript", "ticket", "passage", "premise", "snippet", "sequence",
)
LABEL_NAMES = (
    "label", "labels", "category", "categories", "intent", "class", "target", "topic", "sentiment", "emotion",
    "tag", "label_text", "label_name", "class_name", "category_name", "intent_name", "gold_label", "stars",
    "rating", "polarity", "stance", "y",
)
# fmt: on
SPLIT_NAMES = ("split", "set", "fold", "partition", "subset")
PAIR_NAMES = (
    ("text1", "text2"),
    ("text_1", "text_2"),
    ("text_a", "text_b"),
    ("texta", "textb"),
    ("sentence1", "sentence2"),
    ("sentence_1", "sentence_2"),
    ("sentence_a", "sentence_b"),
    ("premise", "hypothesis"),
    ("question1", "question2"),
    ("question", "sentence"),
    ("question", "passage"),
    ("question", "context"),
    ("question", "answer"),
    ("query", "passage"),
    ("query", "document"),
    ("text", "text_pair"),
    ("sentence", "sentence_pair"),
)
_IDENTIFIERS = frozenset(
    ("id", "idx", "index", "uid", "guid", "uuid", "unnamed:_0", "row", "row_id", "number", "column_1")
)


class Columns(Frozen):
    """Which columns of the user's file hold what."""

    text: str
    """Name of the column with the text."""
    text_pair: str | None = None
    """Name of the column with the second text of a pair, where the task has one."""
    label: str
    """Name of the column with the class."""
    split: str | None = None
    """Name of the column that says train, validation or test, where the file has one."""

    def names(self) -> frozenset[str]:
        """Return the columns that are read."""
        return frozenset(name for name in (self.text, self.text_pair, self.label, self.split) if name is not None)


def find_columns(
    names: Sequence[str],
    sample_rows: Sequence[Mapping[str, object]],
    *,
    text: str | None = None,
    text_pair: str | None = None,
    label: str | None = None,
    split: str | None = None,
    source: str = "The file",
) -> Columns:
    """Find the columns of a classification task.

    Parameters
    ----------
    names : sequence of str
        The columns of the file.
    sample_rows : sequence of mapping
        Some rows, to tell texts from numbers where no name helps.
    text, text_pair, label, split : str, optional
        What the user chose; whatever is chosen wins over convention, a text chosen alone is never paired, and the split
        column ``none`` passes over a column that convention would take.
    source : str
        What the user called the file, for messages.

    Returns
    -------
    Columns

    Raises
    ------
    DataError
        Where a chosen column isn't there, or convention finds none or several.

    Examples
    --------
    >>> find_columns(["Sentence", "Intent"], [])
    Columns(text='Sentence', text_pair=None, label='Intent', split=None)
    >>> find_columns(["premise", "hypothesis", "label"], []).text_pair
    'hypothesis'
    """
    finder = _Finder(list(names), source)
    chosen_text = finder.chosen(text, "--text-column")
    chosen_pair = finder.chosen(text_pair, "--text-pair-column")
    chosen_label = finder.chosen(label, "--label-column")
    no_split = split is not None and split not in names and split.casefold() == "none"
    chosen_split = None if no_split else finder.chosen(split, "--split-column")
    finder.refuse_double([chosen_text, chosen_pair, chosen_label, chosen_split])
    finder.taken.update(name for name in (chosen_text, chosen_pair, chosen_label, chosen_split) if name)

    found_split = chosen_split or (None if no_split else finder.first(SPLIT_NAMES))
    finder.taken.update([found_split] if found_split else [])
    if chosen_text is None and chosen_pair is None:
        chosen_text, chosen_pair = finder.pair()
        finder.taken.update(name for name in (chosen_text, chosen_pair) if name)
    found_label = chosen_label or finder.one(LABEL_NAMES, "label", "--label-column")
    finder.taken.add(found_label)
    found_text = chosen_text or finder.one(TEXT_NAMES, "text", "--text-column", sample_rows)
    return Columns(text=found_text, text_pair=chosen_pair, label=found_label, split=found_split)


def named_column(names: Sequence[str], name: str, flag: str, source: str) -> str:
    """Return the column of this name: as it is spelt, else whatever the case of its letters.

    Parameters
    ----------
    names : sequence of str
        The columns of the file.
    name : str
    flag : str
        The flag that names such a column, for the message.
    source : str
        What the user called the file, for the message.

    Raises
    ------
    DataError
        Where there is none, or several that differ in case only.

    Examples
    --------
    >>> named_column(["ID", "Text"], "text", "--text-column", "rows.csv")
    'Text'
    """
    if name in names:
        return name
    alike = [other for other in names if fold_name(other) == fold_name(name)]
    if len(alike) == 1:
        return alike[0]
    near = difflib.get_close_matches(name, names, n=1)
    hint = f"Did you mean {flag} {near[0]}?" if near else f"Give {flag} one of them."
    raise DataError(f"{source} has no column {name!r}; its columns: {_listing(names)}.", hint)


def _listing(names: Sequence[str]) -> str:
    """Name the columns found, for a message."""
    shown = ", ".join(repr(name if len(name) <= 40 else name[:39] + "…") for name in names[:20])
    return shown + (f" and {len(names) - 20} more" if len(names) > 20 else "") or "none"


def fold_name(name: str) -> str:
    """Bring a column name to the form conventions are written in.

    Examples
    --------
    >>> fold_name(" Review-Text ")
    'review_text'
    """
    return "_".join(name.strip().casefold().replace("-", " ").split())


class _Finder:
    """The columns of one file, and which of them have been given a role."""

    def __init__(self, names: list[str], source: str) -> None:
        self.names = names
        self.source = source
        self.taken: set[str] = set()

    @property
    def listing(self) -> str:
        """The columns found, for a message."""
        return _listing(self.names)

    def chosen(self, name: str | None, flag: str) -> str | None:
        """Find the column the user chose, if one was."""
        return None if name is None else named_column(self.names, name, flag, self.source)

    def refuse_double(self, chosen: list[str | None]) -> None:
        """Refuse one column in two roles."""
        given = [name for name in chosen if name is not None]
        double = next((name for name in given if given.count(name) > 1), None)
        if double is not None:
            raise DataError(
                f"{self.source}: the column {double!r} was chosen for two things.",
                "Give each of --text-column, --text-pair-column, --label-column and --split-column its own: "
                f"{self.listing}.",
            )

    def free(self) -> dict[str, str]:
        """Map the folded names of the columns without a role to the names in the file."""
        return {fold_name(name): name for name in self.names if name not in self.taken}

    def first(self, conventional: Sequence[str]) -> str | None:
        """Return the first conventional name there is."""
        free = self.free()
        return next((free[name] for name in conventional if name in free), None)

    def pair(self) -> tuple[str | None, str | None]:
        """Return the one conventional pair of texts there is."""
        free = self.free()
        found = [(free[a], free[b]) for a, b in PAIR_NAMES if a in free and b in free]
        if TEXT_NAMES[0] in free:  # a plain text column wins over a pair it is no part of
            found = [pair for pair in found if free[TEXT_NAMES[0]] in pair]
        if len(found) > 1:
            shown = " or ".join(f"--text-column {a} --text-pair-column {b}" for a, b in found)
            raise DataError(f"{self.source} has several pairs of texts; its columns: {self.listing}.", f"Give {shown}.")
        return found[0] if found else (None, None)

    def one(
        self, conventional: Sequence[str], what: str, flag: str, sample_rows: Sequence[Mapping[str, object]] = ()
    ) -> str:
        """Return the one column with a conventional name, or the last one left that holds words."""
        free = self.free()
        if conventional[0] in free:
            return free[conventional[0]]
        found = [free[name] for name in conventional if name in free] or self._left_over(sample_rows)
        if len(found) == 1:
            return found[0]
        if found:
            raise DataError(
                f"{self.source} has several columns that may hold the {what}: {', '.join(map(repr, found))}.",
                f"Say which: {flag} {found[0]}" + (", or a pair with --text-pair-column." if what == "text" else "."),
            )
        raise DataError(
            f"{self.source} has no column with a usual name for the {what} ({', '.join(conventional[:6])}, …); "
            f"its columns: {self.listing}.",
            f"Name it: {flag} COLUMN. If the file starts with a row, put a line with the columns' names before it.",
        )

    def _left_over(self, sample_rows: Sequence[Mapping[str, object]]) -> list[str]:
        """Return the only column without a role, if it isn't a number for each row and holds strings with letters."""
        free = [name for folded, name in self.free().items() if folded not in _IDENTIFIERS]
        if len(free) != 1 or not sample_rows:
            return []
        values = [row.get(free[0]) for row in sample_rows]
        wordy = all(
            isinstance(value, str) and any(map(str.isalpha, value)) for value in values if value not in (None, "")
        )
        return free if wordy and any(values) else []


def resolve_splits(
    seen: Mapping[str, int], *, chosen: bool, column: str | None, source: str
) -> tuple[dict[str, SplitName] | None, str]:
    """Tell what the values of the split column mean.

    Parameters
    ----------
    seen : mapping of str to int
        Each value of the column, with the number of the first row that has it.
    chosen : bool
        Whether the user named the column; one found by convention may turn out to be something else.
    column, source : str
        For messages.

    Returns
    -------
    tuple
        The split each value stands for, or None if the file gives no split; and a note, empty if there is nothing
        to say.

    Examples
    --------
    >>> resolve_splits({"train": 1, "dev": 9}, chosen=False, column="split", source="rows.csv")
    ({'train': 'train', 'dev': 'validation'}, '')
    >>> resolve_splits({"all": 1}, chosen=False, column="split", source="rows.csv")
    (None, '')
    """
    meaning = {value: SPLIT_VALUES[fold_name(value)] for value in seen if fold_name(value) in SPLIT_VALUES}
    unknown = [value for value in seen if value not in meaning]
    kinds = set(meaning.values())
    allowed = "train (training), validation (valid, val, dev, eval) and test (testing)"
    if unknown and (kinds or (chosen and len(unknown) > 1)):
        raise DataError(
            f"{source}, row {seen[unknown[0]]}: {unknown[0]!r} in column {column!r} is no split.",
            f"Allowed: {allowed}, or the same word in every row for no split. Mend or remove those rows, or pass "
            "over the column with --split-column none.",
        )
    if len(unknown) > 1:
        return None, f"Column {column!r} holds {len(unknown)} values that name no split and was passed over."
    if kinds and "train" not in kinds:
        raise DataError(
            f"{source} has no rows to train on: column {column!r} says only {', '.join(sorted(map(repr, meaning)))}.",
            f"Add rows with 'train' in it. Allowed: {allowed}.",
        )
    return (meaning, "") if len(kinds) > 1 else (None, "")
