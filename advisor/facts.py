"""Facts: all that a rule may look at; what was measured overrules what the brief says, None is not known."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from pydantic import Field

from advisor.brief import Amount, Brief, Count, Share
from advisor.languages import language_code
from advisor.memory import MemoryFacts
from probes.hardware import Hardware
from probes.model import ModelFacts
from probes.profile import Profile
from probes.splitting import expected_train_rows

SMALL_MODEL = (1e8, 4e8)
"""Parameters up to which full fine-tuning needs no special compute, and from which on it does (our line: base-size
encoders lie near the lower end)."""

_WIDTH = {"float64": 8, "float32": 4, "float16": 2, "bfloat16": 2, "int8": 1, "float8_e4m3fn": 1}
_NO_LANGUAGE = frozenset({"und", "zxx"})
_ANY_LANGUAGE = frozenset({"multilingual", "mul"})


class Facts(MemoryFacts):
    """The brief, with what rows, model and machine say themselves; None is not known.

    Every field can be set by name (`--set classes=12`). Several models make several `Facts`: advice is for the
    strategies on one model.

    Examples
    --------
    >>> facts = Facts(rows=1_000, classes=10)
    >>> facts.train_rows, facts.class_rows, facts.binary, facts.encoder
    (700, 70.0, False, None)
    """

    train_share: float = Field(0.7, gt=0, le=1)
    """Share of the labelled rows that train; the others choose and test."""
    median_class_share: Amount | None = None
    """Rows of the median class over rows of an average class; None counts as 1."""
    rarest_class_share: Amount | None = None
    """Rows of the rarest class over rows of an average class; None counts as 1."""
    rarest_class: str | None = None
    """The rarest class."""
    imbalance: Amount | None = None
    """Rows of the most frequent class over rows of the rarest."""
    rows_read: bool = False
    """Whether the rows themselves were read, which the machine at hand does that measures them."""
    duplicate_share: Share | None = None
    """Share of the rows that repeat an earlier one after normalisation."""
    conflict_share: Share | None = None
    """Texts that stand with more than one label, per row."""
    leaked_test_rows: Count | None = None
    """Rows of the test split that stand in train too, after normalisation."""
    truncated_share: Share | None = None
    """Share of the rows longer than the model reads."""
    fertility: Amount | None = None
    """Tokens per whitespace-separated word."""
    language_share: Share | None = None
    """Share of the sampled rows that are in `language`."""
    non_latin: Share | None = None
    """Share of the letters that are not of the Latin script."""

    model: str | None = None
    """What the user called the model."""
    architecture: str | None = None
    """First entry of the config's `architectures`."""
    sentence_encoder: bool | None = None
    """Whether the model says itself how to make one vector of a text."""
    headless_decoder: bool | None = None
    """Whether the model is the body of a causal LM without its head."""
    model_languages: tuple[str, ...] = ()
    """Languages named in the model card."""
    model_licence: str | None = None
    """Licence named in the model card."""

    # What several rules need, worked out in one place.

    @property
    def train_rows(self) -> int | None:
        """Rows the user will train on: what the split leaves beside test and validation rows."""
        return None if self.rows is None else round(self.rows * self.train_share)

    @property
    def binary(self) -> bool | None:
        """Whether there are two classes."""
        return None if self.classes is None else self.classes == 2

    @property
    def class_rows(self) -> float | None:
        """Training rows of the median class."""
        if self.rows is None or self.classes is None:
            return None
        return self.rows * self.train_share / self.classes * (self.median_class_share or 1.0)

    @property
    def rarest_class_rows(self) -> float | None:
        """Training rows of the rarest class."""
        if self.rows is None or self.classes is None:
            return None
        share = 1.0 if self.rarest_class_share is None else self.rarest_class_share
        return self.rows * self.train_share / self.classes * share

    @property
    def is_language(self) -> bool | None:
        """Whether most rows are in natural language: in the one recognised, or in one of those named at least."""
        if self.language is None:
            return None
        known = not _NO_LANGUAGE.issuperset(self.languages)
        return known and (self.language_share is None or self.language_share >= 0.5)

    @property
    def language_known(self) -> bool | None:
        """Whether the model card names every language of the rows; None when card or rows do not say."""
        unnamed = self.languages_not_in_card
        return None if unnamed is None else not unnamed

    @property
    def languages_not_in_card(self) -> tuple[str, ...] | None:
        """Languages of the rows that the model card does not name; None when card or rows do not say."""
        if not self.model_languages or self.language is None or not self.is_language:
            return None
        card = {language_code(code) or code.lower() for code in self.model_languages}
        return () if card & _ANY_LANGUAGE else tuple(code for code in self.languages if code not in card)

    @property
    def encoder(self) -> bool | None:
        """Whether the model reads a text whole."""
        return None if self.model_kind is None else self.model_kind == "encoder" and not self.headless_decoder

    @property
    def text_encoder(self) -> bool | None:
        """Whether the model reads a text whole: an encoder, and no image to read."""
        return False if self.task == "image-classification" else self.encoder

    @property
    def causal(self) -> bool | None:
        """Whether the model is a causal LM."""
        return None if self.model_kind is None else self.model_kind == "causal"

    @property
    def instruct(self) -> bool | None:
        """Whether the model is a causal LM tuned to follow instructions."""
        if self.model_kind == "encoder":
            return False
        return None if self.model_kind is None else self.instruction_tuned

    @property
    def model_name(self) -> str:
        """What to call the model in a sentence."""
        return self.model or "the model"

    @property
    def small_model_grade(self) -> float | None:
        """How far the model is so small that tuning it in full needs no special compute, 1 for small to 0 for large."""
        if self.model_parameters is None:
            return None
        low, high = SMALL_MODEL
        share = min(1.0, max(0.0, math.log(self.model_parameters / low) / math.log(high / low)))
        return round(1 - share * share * (3 - 2 * share), 6)

    @property
    def compute_grade(self) -> float | None:
        """How far the user can afford full fine-tuning, 0 to 1: what they said, else by the size of the model."""
        if self.compute is not None:
            return 1.0 if self.compute == "plenty" else 0.0
        return self.small_model_grade


def gather(
    brief: Brief = Brief(),  # noqa: B008 - frozen
    profile: Profile | None = None,
    model: ModelFacts | None = None,
    hardware: Hardware | None = None,
    changes: Mapping[str, object] | None = None,
) -> Facts:
    """Put the facts together.

    Parameters
    ----------
    brief : Brief
        What the user says.
    profile, model, hardware : optional
        What rows, model and machine say themselves; it overrules the brief.
    changes : mapping, optional
        Facts to set whatever was measured: what if they were so?

    Returns
    -------
    Facts
    """
    # What nobody said stays so: the advice tells what it assumed instead (`advisor.assumptions`).
    known: dict[str, Any] = brief.model_dump(exclude_unset=True)
    if profile is not None:
        known |= _of_rows(profile)
        if len(brief.languages) > 1 and profile.language in brief.languages:
            # The share of the commonest of several languages says nothing about how many rows are in any of them.
            known |= {"language": brief.language, "language_share": None}
    if model is not None:
        known |= _of_model(model)
    if hardware is not None:
        known |= {
            "device": hardware.device,
            "device_name": hardware.device_name,
            "memory_bytes": hardware.working_memory if hardware.device != "cpu" else hardware.memory_bytes,
        }
    return Facts.model_validate({**known, **(changes or {})})


def _of_rows(profile: Profile) -> dict[str, Any]:
    rows, counts = profile.rows, sorted(profile.per_class.values())
    average = rows / len(counts) if counts else 1.0
    middle = len(counts) // 2
    repeated = profile.leaks.test_rows_in_train_normalised or profile.leaks.test_rows_in_train
    found: dict[str, Any] = {
        "rows": rows,
        "classes": profile.classes,
        "train_share": min(1.0, max(1, expected_train_rows(profile.per_class, profile.splits)) / max(rows, 1)),
        "median_class_share": (counts[middle] + counts[~middle]) / 2 / average if counts else None,
        "rarest_class_share": counts[0] / average if counts else None,
        "rarest_class": min(profile.per_class, key=profile.per_class.__getitem__) if counts else None,
        "imbalance": profile.imbalance,
        "rows_read": True,
        "duplicate_share": profile.duplicates.normalised / rows if rows else None,
        "conflict_share": profile.label_conflicts / rows if rows else None,
        "leaked_test_rows": repeated,
        "language": profile.language,
        "language_share": profile.language_share,
        "non_latin": profile.non_latin,
    }
    if profile.unlabelled:
        found["unlabelled_rows"] = profile.unlabelled
    if profile.tokens is not None:
        found |= {"input_tokens": profile.tokens.p50, "fertility": profile.fertility}
    if profile.truncated is not None and rows:
        found["truncated_share"] = profile.truncated / rows
    return found


def _of_model(model: ModelFacts) -> dict[str, Any]:
    width = _WIDTH.get(model.dtype.removeprefix("torch."))
    return {
        "model": model.name,
        "model_kind": model.kind,
        "model_parameters": model.parameters or (model.bytes_on_disk // width if width else 0) or None,
        "instruction_tuned": model.instruction_tuned,
        "architecture": model.architecture,
        "sentence_encoder": model.sentence_encoder,
        "headless_decoder": model.headless_decoder,
        "context": model.context,
        "layers": model.layers,
        "hidden_size": model.hidden_size,
        "vocab_size": model.vocab_size,
        "model_languages": model.language,
        "model_licence": model.licence,
    }
