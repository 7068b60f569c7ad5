"""Facts: all that a rule may look at, with the quantities rules share worked out in one place."""

from __future__ import annotations

from typing import NamedTuple

from advisor.brief import Brief
from probes.base import Frozen
from probes.hardware import Hardware
from probes.model import ModelFacts
from probes.profile import Profile
from probes.splitting import expected_train_rows

SMALL_MODEL = 150_000_000
"""Parameters up to which full fine-tuning needs no special compute (our line: base-size encoders lie below it)."""
FULL_BYTES = 16
"""Bytes per parameter for AdamW in mixed precision: weights, gradients and two moments; activations come on top."""
LORA_TRAINABLE = 0.01
"""Share of the weights that adapters of rank 8–16 on all linear layers train, rounded up."""

_WIDTH = {"float64": 8, "float32": 4, "float16": 2, "bfloat16": 2, "int8": 1, "float8_e4m3fn": 1}
_NO_LANGUAGE = frozenset({"und", "zxx"})
_ANY_LANGUAGE = frozenset({"multilingual", "mul"})
_LONG_CODES = {"eng": "en", "deu": "de", "fra": "fr", "spa": "es", "ita": "it", "por": "pt", "nld": "nl", "zho": "zh"}


class Memory(NamedTuple):
    """Memory a training can use."""

    bytes: int
    words: str
    """Where the figure comes from, as it stands in a sentence."""


class Facts(Frozen):
    """Brief, profile of the rows, one model and the hardware; what is None is not known.

    Several models make several `Facts`: advice is for the strategies on one model.
    """

    brief: Brief = Brief()
    profile: Profile
    model: ModelFacts | None = None
    hardware: Hardware | None = None

    @property
    def train_rows(self) -> int:
        """Rows the user will train on: what the split leaves beside test and validation rows."""
        return expected_train_rows(self.profile.per_class, self.profile.splits)

    @property
    def classes(self) -> int:
        """Distinct labels."""
        return self.profile.classes

    @property
    def binary(self) -> bool:
        """Whether there are two classes."""
        return self.classes == 2

    @property
    def rows_per_class(self) -> float:
        """Training rows of the median class, each class keeping its share of all rows."""
        counts = sorted(self.profile.per_class.values())
        middle = len(counts) // 2
        return self._of_train((counts[middle] + counts[~middle]) / 2) if counts else 0.0

    @property
    def rarest_class_rows(self) -> float:
        """Training rows of the rarest class, each class keeping its share of all rows."""
        return self._of_train(min(self.profile.per_class.values(), default=0))

    def _of_train(self, rows: float) -> float:
        return rows * self.train_rows / self.profile.rows if self.profile.rows else 0.0

    @property
    def duplicate_share(self) -> float:
        """Share of the rows that repeat an earlier one after normalisation."""
        return self.profile.duplicates.normalised / self.profile.rows if self.profile.rows else 0.0

    @property
    def conflict_share(self) -> float:
        """Texts that stand with more than one label, per row."""
        return self.profile.label_conflicts / self.profile.rows if self.profile.rows else 0.0

    @property
    def truncated_share(self) -> float | None:
        """Share of the rows longer than the model reads; None when not known."""
        if self.profile.truncated is None or not self.profile.rows:
            return None
        return self.profile.truncated / self.profile.rows

    @property
    def is_language(self) -> bool:
        """Whether most rows were recognised as one natural language."""
        return self.profile.language not in _NO_LANGUAGE and self.profile.language_share >= 0.5

    @property
    def splits_words(self) -> bool:
        """Whether the tokenizer breaks words up far more than it does ordinary text of its own language.

        About 1.3 tokens per word is usual for English; the line is half as many again. Scripts written without spaces
        have no words to count by, so texts mostly outside the Latin script never count.
        """
        return self.profile.fertility is not None and self.profile.fertility > 1.95 and self.profile.non_latin < 0.5

    @property
    def language_known(self) -> bool | None:
        """Whether the model card names the language of the rows; None when card or rows do not say."""
        if self.model is None or not self.model.language or not self.is_language:
            return None
        card = {code.lower().replace("_", "-").split("-")[0] for code in self.model.language}
        card = {_LONG_CODES.get(code, code) for code in card}
        return self.profile.language.lower() in card or bool(card & _ANY_LANGUAGE)

    @property
    def encoder(self) -> bool:
        """Whether the model is known to read a text whole."""
        return self.model is not None and self.model.kind == "encoder" and not self.model.headless_decoder

    @property
    def causal(self) -> bool:
        """Whether the model is known to be a causal LM."""
        return self.model is not None and self.model.kind == "causal"

    @property
    def instruct(self) -> bool:
        """Whether the model is a causal LM tuned to follow instructions."""
        return self.model is not None and self.causal and self.model.instruction_tuned

    @property
    def model_name(self) -> str:
        """What to call the model in a sentence."""
        return "the model" if self.model is None else self.model.name

    @property
    def parameters(self) -> int | None:
        """Number of weights, told by the files or worked out from their size; None when neither says."""
        if self.model is None:
            return None
        if self.model.parameters:
            return self.model.parameters
        width = _WIDTH.get(self.model.dtype.removeprefix("torch."))
        return self.model.bytes_on_disk // width or None if width else None

    @property
    def enough_compute(self) -> bool | None:
        """Whether the user can afford full fine-tuning: what they said, else True for a small model, else None."""
        if self.brief.compute is not None:
            return self.brief.compute == "plenty"
        return True if self.parameters is not None and self.parameters <= SMALL_MODEL else None

    @property
    def memory(self) -> Memory | None:
        """Memory to train in: the GPU of the brief, else this machine's accelerator, else its main memory."""
        named = self.brief.gpu_memory_gb
        if named:
            return Memory(round(named * 1e9), f"the {named:g} GB of the GPU in your brief")
        if self.hardware is None:
            return None
        size = self.hardware.device_memory_bytes
        if self.hardware.device != "cpu" and size and named is None:
            return Memory(size, f"the {size / 1e9:.1f} GB of {self.hardware.device_name}")
        return Memory(self.hardware.memory_bytes, f"the {self.hardware.memory_bytes / 1e9:.1f} GB of main memory")

    @property
    def on_accelerator(self) -> bool:
        """Whether training will run on an accelerator, so that frozen weights can lie in 16 bit."""
        if self.brief.gpu_memory_gb is not None:
            return self.brief.gpu_memory_gb > 0
        return self.hardware is not None and self.hardware.device != "cpu"

    @property
    def weight_bytes(self) -> int | None:
        """Bytes of the weights alone: 16 bit on an accelerator, 32 bit on a CPU."""
        return None if self.parameters is None else self.parameters * (2 if self.on_accelerator else 4)

    @property
    def lora_bytes(self) -> int | None:
        """Bytes for LoRA before activations: frozen weights and 16 bytes for each trained one."""
        if self.parameters is None or self.weight_bytes is None:
            return None
        return self.weight_bytes + round(FULL_BYTES * LORA_TRAINABLE * self.parameters)

    @property
    def full_bytes(self) -> int | None:
        """Bytes for full fine-tuning before activations."""
        return None if self.parameters is None else FULL_BYTES * self.parameters
