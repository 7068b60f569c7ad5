"""What the rows say without a model: volume, per-class counts, lengths, duplicates, leaks, conflicts, language.

Rows are read in a stream and each leaves a few numbers behind, so that a million of them fit into a small machine.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from probes import profile_notes
from probes.base import Frozen
from probes.cleaning import Census, CleanRow, Intake
from probes.duplicates import count_also_in, count_conflicts, count_repeats, exact_key, normalised_key
from probes.language import SpreadSample, guess_language, non_latin_share

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_BATCH = 1000


class Quantiles(Frozen):
    """Where a count per row lies; each is a count that some row has."""

    p50: int
    """Median."""
    p95: int
    """95th percentile."""
    max: int
    """Largest."""


class Duplicates(Frozen):
    """Rows whose text came before; a text that stands k times counts k − 1, whatever its labels and splits."""

    exact: int
    """Rows whose text equals an earlier row's, byte for byte."""
    normalised: int
    """Rows whose text equals an earlier row's after Unicode NFKC, case folding and dropping all but letters, marks,
    numbers and single spaces (texts that are mostly punctuation or symbols keep them); contains the exact ones."""


class Leaks(Frozen):
    """Rows that stand on both sides of a given split; zero where the file gives none."""

    test_rows_in_train: int
    """Rows of the test split whose text (exact) also stands in train, each counted, whatever its label."""
    test_rows_in_train_normalised: int
    """The same after normalisation."""
    validation_rows_in_train: int
    """Rows of the validation split whose text (exact) also stands in train."""


class Profile(Frozen):
    """What the rows say without a model."""

    source: str
    """The file, folder or hub id."""
    rows: int
    """Labelled rows."""
    classes: int
    """Distinct labels among the labelled rows."""
    per_class: dict[str, int]
    """Rows of each class, most frequent first."""
    imbalance: float
    """Rows of the most frequent class over rows of the rarest."""
    splits: dict[str, int]
    """Labelled rows of each split (train, validation, test) the file gives; empty if it gives none."""
    unlabelled: int
    """Rows without a label, kept aside."""
    pairs: bool
    """Whether each row holds two texts."""
    duplicates: Duplicates
    leaks: Leaks
    label_conflicts: int
    """Distinct texts (exact) that stand with more than one label, each counted once."""
    characters: Quantiles
    """Characters per row, both texts of a pair together."""
    tokens: Quantiles | None
    """Tokens per row under `tokenizer`, special tokens included; None when no tokenizer was at hand."""
    tokenizer: str | None
    """The model whose tokenizer counted."""
    context: int | None
    """Tokens the model reads at most; None when not known."""
    truncated: int | None
    """Rows longer than `context`; None when not known."""
    fertility: float | None
    """Tokens per whitespace-separated word; None when no tokenizer was at hand."""
    language: str
    """Best guess at the main language (ISO 639) from at most 500 rows, 'und' when no guess is fit to print."""
    language_share: float
    """Share of the sampled rows guessed to be in `language`."""
    non_latin: float
    """Share of the letters in the sampled rows that are not of the Latin script."""
    notes: tuple[str, ...] = ()
    """What the user should hear, one sentence each."""
    skipped: int = 0
    """Rows that could not be used and were left out because the user asked for it."""


def profile_rows(
    source: str,
    *,
    text_column: str | None = None,
    text_pair_column: str | None = None,
    label_column: str | None = None,
    split_column: str | None = None,
    skip_bad_rows: bool = False,
    drop_rare_classes: bool = False,
    tokenizer_file: Path | None = None,
    tokenizer_name: str | None = None,
    context: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> Profile:
    """Profile the rows of a classification task in one stream.

    Parameters
    ----------
    source : str
        A file, a folder saved by `datasets`, or a hub id: see `probes.reading.read_rows`.
    text_column, text_pair_column, label_column, split_column : str, optional
        Columns; found by convention where not given.
    skip_bad_rows : bool
        Leave out rows that can't be used, and say how many, instead of stopping at the first.
    drop_rare_classes : bool
        Leave out classes with one row, or with none to train on, instead of stopping.
    tokenizer_file : Path, optional
        A ``tokenizer.json`` to count tokens with.
    tokenizer_name : str, optional
        What to call it; the folder it lies in where not given.
    context : int, optional
        Tokens the model reads at most, to count the rows that would be cut.
    progress : callable, optional
        Called with the number of rows read so far, about every thousand rows and at the end.

    Returns
    -------
    Profile

    Raises
    ------
    DataError
        As for `probes.data.load_task`.
    """
    intake = Intake(
        source,
        text_column=text_column,
        text_pair_column=text_pair_column,
        label_column=label_column,
        split_column=split_column,
        skip_bad_rows=skip_bad_rows,
    )
    counts = _Counts(tokenizer_file)
    for row in intake:
        if counts.add(row) and progress is not None:
            progress(counts.rows)
    counts.flush()
    if progress is not None:
        progress(counts.rows)
    census = intake.census(drop_rare_classes=drop_rare_classes)
    if tokenizer_file is not None and tokenizer_name is None:
        tokenizer_name = tokenizer_file.parent.name
    return _write(intake, census, counts, tokenizer_name if tokenizer_file else None, context)


class _Counts:
    """A few numbers for each row, in flat arrays: some 50 bytes a row."""

    def __init__(self, tokenizer_file: Path | None) -> None:
        self.exact = array("Q")
        self.normalised = array("Q")
        self.label = array("l")
        self.split = array("l")
        self.characters = array("l")
        self.words = array("l")
        self.tokens = array("l")
        self.codes: dict[str, int] = {}
        self.split_codes: dict[str, int] = {}
        self.sample = SpreadSample()
        self.batch: list[Any] = []
        self.tokenizer = None if tokenizer_file is None else _load_tokenizer(tokenizer_file)

    @property
    def rows(self) -> int:
        """Rows seen."""
        return len(self.label)

    def add(self, row: CleanRow) -> bool:
        """Count a row; True when a batch has just been filled."""
        text, pair = row.text, row.pair
        self.exact.append(exact_key(text, pair))
        self.normalised.append(normalised_key(text, pair))
        self.label.append(self.codes.setdefault(row.label, len(self.codes)))
        self.split.append(self.split_codes.setdefault(row.split, len(self.split_codes)))
        self.characters.append(len(text) + len(pair or ""))
        self.sample.offer(text if pair is None else f"{text}\n{pair}")
        if self.tokenizer is not None:
            self.words.append(len(text.split()) + (len(pair.split()) if pair else 0))
            self.batch.append(text if pair is None else (text, pair))
            if len(self.batch) == _BATCH:
                self.flush()
        return self.rows % _BATCH == 0

    def flush(self) -> None:
        """Count the tokens of the rows gathered."""
        if self.tokenizer is not None and self.batch:
            self.tokens.extend(len(encoding) for encoding in self.tokenizer.encode_batch_fast(self.batch))
            self.batch.clear()


def _load_tokenizer(path: Path) -> Any:
    """Load a tokenizer that cuts and pads nothing."""
    from tokenizers import Tokenizer

    from probes.errors import ModelError

    if not path.is_file():
        raise ModelError(f"There is no tokenizer at {path}.", "Give a tokenizer.json, or a model that has one.")
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises bare Exception
        raise ModelError(
            f"{path} is no tokenizer: {error}.", "Give a tokenizer.json, or a model that has one."
        ) from error
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def _write(intake: Intake, census: Census, counts: _Counts, tokenizer: str | None, context: int | None) -> Profile:
    """Turn the arrays into the document, leaving out the rows of dropped classes."""
    import numpy as np

    label = np.asarray(counts.label)
    dropped = [counts.codes[name] for name in census.dropped]
    kept = ~np.isin(label, dropped)
    label = label[kept]
    exact, normalised = np.asarray(counts.exact)[kept], np.asarray(counts.normalised)[kept]
    tokens = np.asarray(counts.tokens)[kept] if counts.tokens else None
    per_class = np.bincount(label, minlength=len(counts.codes))
    sizes = {name: int(per_class[counts.codes[name]]) for name in census.classes}
    sizes = dict(sorted(sizes.items(), key=lambda item: (-item[1], item[0])))
    members = _split_members(census, counts, kept)
    sample = counts.sample.texts()
    language, share = guess_language(sample)
    found = Profile(
        source=intake.source,
        rows=len(label),
        classes=len(sizes),
        per_class=sizes,
        imbalance=max(sizes.values()) / min(sizes.values()),
        splits={name: int(rows.sum()) for name, rows in members.items()},
        unlabelled=intake.unlabelled,
        pairs=intake.columns.text_pair is not None,
        duplicates=Duplicates(exact=count_repeats(exact), normalised=count_repeats(normalised)),
        leaks=_leaks(exact, normalised, members),
        label_conflicts=count_conflicts(exact, label),
        characters=_quantiles(np.asarray(counts.characters)[kept]),
        tokens=None if tokens is None else _quantiles(tokens),
        tokenizer=tokenizer,
        context=context,
        truncated=None if tokens is None or context is None else int((tokens > context).sum()),
        fertility=None if tokens is None else float(tokens.sum() / np.asarray(counts.words)[kept].sum()),
        language=language,
        language_share=share,
        non_latin=non_latin_share(sample),
        skipped=intake.bad,
    )
    return found.model_copy(update={"notes": (*census.notes, *profile_notes.notes(found))})


def _split_members(census: Census, counts: _Counts, kept: NDArray[np.bool_]) -> dict[str, NDArray[np.bool_]]:
    """Return which rows belong to which split the file gives."""
    import numpy as np

    if census.splits is None:
        return {}
    column = np.asarray(counts.split)[kept]
    members = {}
    for split in ("train", "validation", "test"):
        codes = [code for value, code in counts.split_codes.items() if census.splits[value] == split]
        if codes:
            members[split] = np.isin(column, codes)
    return members


def _leaks(exact: NDArray[np.uint64], normalised: NDArray[np.uint64], members: dict[str, NDArray[np.bool_]]) -> Leaks:
    """Count rows of each given split whose text stands in train."""

    def leaked(keys: NDArray[np.uint64], split: str) -> int:
        return count_also_in(keys[members[split]], keys[members["train"]]) if split in members else 0

    return Leaks(
        test_rows_in_train=leaked(exact, "test"),
        test_rows_in_train_normalised=leaked(normalised, "test"),
        validation_rows_in_train=leaked(exact, "validation"),
    )


def _quantiles(values: NDArray[Any]) -> Quantiles:
    import numpy as np

    p50, p95 = np.quantile(values, (0.5, 0.95), method="inverted_cdf")
    return Quantiles(p50=int(p50), p95=int(p95), max=int(values.max()))
