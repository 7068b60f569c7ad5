"""The part of the facts that memory goes by: the model's size, the machine, and what each training takes there."""

from __future__ import annotations

from typing import Literal, NamedTuple

from advisor.brief import Brief, Count, Whole
from advisor.gpus import gpu_named
from strategies.cost import ADAPTERS, Method, Precision, memory
from strategies.tuned import WHOLE_BATCH_ROWS, batch_size

FULL_BYTES = 16
"""Bytes per parameter for AdamW in mixed precision: weights, gradients and two moments; activations come on top."""
BATCH = batch_size(WHOLE_BATCH_ROWS)
"""Rows of a step, as the recipes here take them where rows are not few."""
USUAL_TOKENS = 512
"""Tokens of a row where nobody says (our line: a page)."""
USUAL_VOCABULARY = 128_256
"""Words of a vocabulary that is not known: that of Llama 3; others have 32,000 to 256,000."""
LEAST_VOCABULARY = 32_000
"""The same for the least that a training may take: that of Llama 2."""


class MemoryFacts(Brief):
    """The brief, with what model and machine say about memory."""

    context: Whole | None = None
    """Tokens the model reads at most."""
    layers: Whole | None = None
    """Layers of the model; guessed from `model_parameters` where they are not known."""
    hidden_size: Whole | None = None
    """Width of the model; guessed likewise."""
    vocab_size: Whole | None = None
    """Words of the model's vocabulary."""

    device: Literal["cpu", "cuda", "mps"] | None = None
    """Where this machine trains: cpu, cuda or mps; None when nobody looked."""
    device_name: str | None = None
    memory_bytes: Count | None = None
    """Bytes of this machine's accelerator, or of its main memory where it has none."""

    @property
    def classification(self) -> bool:
        """Whether the task is to choose one of several classes for a text."""
        return self.task == "text-classification"

    @property
    def row_tokens(self) -> int | None:
        """Tokens of the median row, input and answer; a class takes none."""
        if self.input_tokens is None or self.classification:
            return self.input_tokens
        return None if self.output_tokens is None else self.input_tokens + self.output_tokens

    @property
    def gpu_bytes(self) -> float | None:
        """Bytes of all the user's GPUs together, 0 without one; None when neither brief nor machine says."""
        if self.gpu_memory_gb is not None:
            return self.gpu_memory_gb * 1e9 * (self.gpus or 1)
        if self.gpu is not None:
            return gpu_named(self.gpu).memory_gb * 1e9 * (self.gpus or 1)
        if self.device is None:
            return None
        return 0.0 if self.device == "cpu" else self.memory_bytes

    @property
    def memory(self) -> float | None:
        """Bytes to train in: of the GPUs, else of this machine's main memory; None when not known."""
        return self.gpu_bytes or self.memory_bytes

    @property
    def memory_words(self) -> str:
        """Where the memory to train in comes from, as it stands in a sentence."""
        size = f"{(self.memory or 0) / 1e9:,.4g} GB"
        many = f"{self.gpus:,.0f} × " if self.gpus and self.gpus > 1 else ""
        if self.gpu is not None:
            return f"the {size} of {many}{self.gpu}"
        if self.gpu_memory_gb:
            return f"the {size} of the GPU in your brief"
        return f"the {size} of {self.device_name}" if self.gpu_bytes else f"the {size} of main memory"

    @property
    def on_accelerator(self) -> bool | None:
        """Whether training will run on an accelerator, so that frozen weights can lie in 16 bit."""
        return None if self.gpu_bytes is None else self.gpu_bytes > 0

    @property
    def weight_bytes(self) -> float | None:
        """Bytes of the weights alone: 16 bit on an accelerator, 32 bit on a CPU."""
        if self.model_parameters is None or self.on_accelerator is None:
            return None
        return self.model_parameters * (2 if self.on_accelerator else 4)

    @property
    def lora_bytes(self) -> float | None:
        """Bytes for LoRA before activations: frozen weights and 16 bytes for each trained one."""
        if self.model_parameters is None or self.weight_bytes is None:
            return None
        return self.weight_bytes + FULL_BYTES * ADAPTERS * self.model_parameters

    @property
    def full_bytes(self) -> float | None:
        """Bytes for full fine-tuning before activations."""
        return None if self.model_parameters is None else FULL_BYTES * self.model_parameters

    @property
    def lora_peak(self) -> float | None:
        """Bytes for LoRA at its peak, with activations, at a batch of 16 rows."""
        return _peak(self, "lora")

    @property
    def qlora_peak(self) -> float | None:
        """Bytes for QLoRA at its peak, likewise."""
        return _peak(self, "qlora")

    @property
    def partial_peak(self) -> float | None:
        """Bytes for tuning a quarter of the layers at its peak, likewise."""
        return _peak(self, "partial")

    @property
    def full_peak(self) -> float | None:
        """Bytes for full fine-tuning at its peak, likewise."""
        return _peak(self, "full")


class Measures(NamedTuple):
    """What saves memory, beside a smaller model."""

    words: str
    """As they stand behind "with" in a sentence."""
    checkpointing: bool = False
    batch: int = BATCH
    """Rows of a forward pass; the step stays as large, since gradients accumulate."""
    chunked_loss: bool = False


PLAIN = Measures(f"a batch of {BATCH}")
CHECKPOINTED = Measures("checkpointed activations", checkpointing=True)
ONE_ROW = Measures(f"checkpointed activations and a batch of 1 ({BATCH} accumulated)", checkpointing=True, batch=1)
IN_CHUNKS = Measures(
    f"checkpointed activations, a batch of 1 ({BATCH} accumulated) and a loss in chunks",
    checkpointing=True,
    batch=1,
    chunked_loss=True,
)


def saving(facts: MemoryFacts) -> tuple[Measures, ...]:
    """Return the measures to try in turn, each with those before it; the last is the least that a training takes."""
    return (CHECKPOINTED, ONE_ROW, IN_CHUNKS) if _over_vocabulary(facts) else (CHECKPOINTED, ONE_ROW)


def row_length(facts: MemoryFacts) -> float | None:
    """Return the tokens read of the median row, None where nobody says.

    Examples
    --------
    >>> from advisor.facts import Facts
    >>> row_length(Facts(input_tokens=700, context=512)), row_length(Facts(context=512))
    (512, None)
    """
    tokens = facts.row_tokens
    return None if tokens is None else min(tokens, facts.context or tokens)


def takes(
    facts: MemoryFacts,
    method: Method,
    measures: Measures,
    tokens: float,
    *,
    precision: Precision = "mixed",
    at_least: bool = False,
) -> float:
    """Return the bytes of a training whose model's size is known, with rows of so many tokens.

    With `at_least` a vocabulary that is not known is a small one, so that what nobody said rules nothing out.

    Examples
    --------
    >>> from advisor.facts import Facts
    >>> facts = Facts(model_parameters=7_000_000_000)
    >>> [round(takes(facts, "lora", measures, 500) / 1e9, 1) for measures in (PLAIN, CHECKPOINTED, ONE_ROW)]
    [51.4, 18.2, 15.3]
    """
    over_vocabulary = _over_vocabulary(facts)
    vocabulary = facts.vocab_size
    if over_vocabulary and vocabulary is None:
        vocabulary = LEAST_VOCABULARY if at_least else USUAL_VOCABULARY
    return memory(
        method,
        facts.model_parameters or 0,
        layers=facts.layers,
        hidden=facts.hidden_size,
        vocabulary=vocabulary,
        batch=measures.batch,
        tokens=tokens,
        checkpointing=measures.checkpointing,
        chunked_loss=measures.chunked_loss,
        language_model=over_vocabulary,
        precision=precision,
    ).total


def vocabulary_assumed(facts: MemoryFacts) -> bool:
    """Whether the loss is over the words of a vocabulary whose size nobody said."""
    return facts.vocab_size is None and _over_vocabulary(facts)


def _over_vocabulary(facts: MemoryFacts) -> bool:
    """Whether the loss is over the words of a vocabulary, and not over a few classes."""
    if facts.classification or facts.task == "image-classification":
        return False
    return facts.model_kind != "encoder"


def _peak(facts: MemoryFacts, method: Method) -> float | None:
    if facts.model_parameters is None or facts.on_accelerator is None:
        return None
    tokens = row_length(facts)
    precision: Precision = "mixed" if facts.on_accelerator else "fp32"
    return takes(facts, method, PLAIN, USUAL_TOKENS if tokens is None else tokens, precision=precision)
