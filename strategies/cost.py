"""Memory that a training takes: arithmetic from the model's shape, the batch and the way it is trained.

What counts where:

- **Weights, gradients, optimiser.** AdamW in mixed precision holds 16 bytes for each trained parameter, in pure
  bfloat16 8; a frozen parameter takes 2 bytes, 4 in single precision, and .52 in four bits with its constants.
- **Activations.** 34 bytes for each token, hidden unit and layer in 16 bit (Korthikanti et al. 2022, equation 2 without
  its attention scores, which flash attention and PyTorch's SDPA do not keep); twice that in single precision.
  Checkpointing keeps 2 bytes and one layer's 34 while that layer is computed again.
- **Logits.** A loss over the vocabulary holds about 16 bytes for each token and word: the logits in 16 bit, a copy in
  single precision and one that is shifted and contiguous, and the gradients of both sorts. A classifier has a few
  logits a text, which count for nothing.

None of it was fitted to measured peaks (`python -m benchmarks.memory` compares). Libraries and the CUDA context, about
1 GB, stand outside: plan with nine tenths of the card.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Literal, NamedTuple

from probes.base import Frozen

Method = Literal["none", "lora", "qlora", "partial", "full"]
"""What is trained: nothing, adapters over weights in 16 or in four bits, a quarter of the layers, or all weights."""
Precision = Literal["mixed", "bf16", "fp32"]
"""Mixed: frozen weights and activations in 16 bit, trained weights in single precision; or all in one of the two."""

ADAPTERS = 0.01
"""Share of the weights that adapters of rank 8–16 on all linear layers add, rounded up."""
QUARTER = 0.25
"""Share of the weights that partial tuning trains: a quarter of the layers."""
FOUR_BITS = 0.52
"""Bytes of a weight in NF4 with doubly quantised constants: 4.127 bits (Dettmers et al. 2023, section 3)."""
FOUR_BITS_ALL = 0.55
"""The same over all weights of a model, where its embeddings, which stay in 16 bit, are not known."""
ACTIVATION = 34
"""Bytes of activations for each token, hidden unit and layer in 16 bit."""
CHECKPOINT = 2
"""Bytes of them that checkpointing keeps."""
LOGIT = 16
"""Bytes for each token and word of the vocabulary: 2 + 4 + 4 in logits, 4 + 2 in gradients."""
CHUNK = 1_024
"""Tokens that a loss in chunks reads at a time (our line, near what fused losses use)."""

_TRAINED: dict[Precision, tuple[int, int, int]] = {"mixed": (4, 4, 8), "bf16": (2, 2, 4), "fp32": (4, 4, 8)}
"""Bytes of weight, gradient and optimiser for each trained parameter."""
_FROZEN: dict[Precision, int] = {"mixed": 2, "bf16": 2, "fp32": 4}


class Shape(NamedTuple):
    """Layers and hidden size, which together set the activations."""

    layers: float
    hidden: float


class Memory(Frozen):
    """Bytes that a training takes at its peak, by what takes them."""

    weights: float
    """Parameters, trained and frozen."""
    gradients: float
    """Gradients of the trained ones."""
    optimiser: float
    """AdamW's two moments of each trained one."""
    activations: float
    """What the backward pass needs of the forward pass."""
    logits: float
    """Scores over the vocabulary, with their gradients; 0 for a classifier."""

    @property
    def fixed(self) -> float:
        """Bytes that no batch changes: weights, gradients and optimiser."""
        return self.weights + self.gradients + self.optimiser

    @property
    def total(self) -> float:
        """Bytes of all of it at once, which is what the backward pass begins with, but for the gradients."""
        return self.fixed + self.activations + self.logits


def shape_of(parameters: float) -> Shape:
    """Guess layers and hidden size from the number of parameters.

    Two power laws, fitted by us with least squares in logarithms: hidden size (the guess is .84 to 1.33 times the true
    one) and layers times hidden size (.61 to 1.69 times) of MiniLM-L6, BERT base and large, RoBERTa large, XLM-R base,
    DeBERTa-v3 base, ModernBERT base, GPT-2 and GPT-2 XL, Qwen2.5 .5B, 1.5B, 7B, 14B, 32B and 72B, Llama-3.2-1B,
    Llama-2-13B, Phi-3 mini, Mistral 7B, Gemma-2-9B and Falcon 40B. The models of the memory benchmark are not among
    them.

    Parameters
    ----------
    parameters : float
        Weights of the model.

    Returns
    -------
    Shape

    Examples
    --------
    >>> shape = shape_of(8_030_000_000)  # Llama-3.1-8B has 32 layers, 4,096 wide
    >>> round(shape.layers), round(shape.hidden)
    (40, 3630)
    """
    billions = parameters / 1e9
    hidden = 1_581 * billions**0.399
    return Shape(36_575 * billions**0.6655 / hidden, hidden)


@lru_cache(maxsize=4_096)
def memory(
    method: Method,
    parameters: float,
    *,
    layers: float | None = None,
    hidden: float | None = None,
    vocabulary: int | None = None,
    batch: int = 16,
    tokens: float = 512,
    checkpointing: bool = False,
    offloaded: bool = False,
    language_model: bool = False,
    chunked_loss: bool = False,
    precision: Precision = "mixed",
    trained: float | None = None,
) -> Memory:
    """Estimate the bytes that a training takes at its peak.

    Parameters
    ----------
    method : {'none', 'lora', 'qlora', 'partial', 'full'}
        What is trained; 'none' only reads.
    parameters : float
        Weights of the model.
    layers, hidden : float, optional
        Its shape; guessed from `parameters` where one is missing (`shape_of`).
    vocabulary : int, optional
        Rows of its embedding. With 'qlora' the embeddings stay in 16 bit: twice, in and out, for a language model.
    batch : int
        Rows of a forward pass, gradient accumulation not counted.
    tokens : float
        Tokens of each row: the longest counts, since a batch is padded to it.
    checkpointing : bool
        Whether activations are computed again instead of kept.
    offloaded : bool
        Whether the checkpoints lie in main memory.
    language_model : bool
        Whether the loss is over the vocabulary.
    chunked_loss : bool
        Whether it is computed over 1,024 tokens at a time.
    precision : {'mixed', 'bf16', 'fp32'}
    trained : float, optional
        Trained parameters; None takes 1 % for adapters, a quarter for 'partial' and all for 'full'.

    Returns
    -------
    Memory

    Raises
    ------
    ValueError
        If a loss over the vocabulary has no vocabulary.

    Examples
    --------
    >>> llama = {"layers": 28, "hidden": 3_072, "vocabulary": 128_256, "language_model": True}
    >>> found = memory("full", 3.213e9, **llama, batch=4, tokens=768, precision="bf16")  # measured: 38.9 GB
    >>> round(found.fixed / 1e9, 1), round(found.activations / 1e9, 1), round(found.total / 1e9, 1)
    (25.7, 9.0, 41.0)
    >>> least = memory("full", 3.213e9, **llama, batch=1, tokens=768, precision="bf16", checkpointing=True)
    >>> round(least.total / 1e9, 1)
    27.5
    """
    if language_model and vocabulary is None:
        raise ValueError("a loss over the vocabulary needs `vocabulary`, the rows of the embedding")
    if layers is None or hidden is None:
        layers, hidden = shape_of(parameters)
    adapters = method in ("lora", "qlora")
    if trained is None:
        trained = {"none": 0.0, "partial": QUARTER, "full": 1.0}.get(method, ADAPTERS) * parameters
    frozen = parameters if adapters else parameters - trained
    of_weight, of_gradient, of_optimiser = _TRAINED[precision]
    read = batch * tokens
    stored = 0 if offloaded else CHECKPOINT * layers
    kept = {"none": 0.0}.get(method, stored + ACTIVATION if checkpointing else ACTIVATION * layers)
    return Memory(
        weights=of_weight * trained + _frozen(method, frozen, hidden, vocabulary, precision, language_model),
        gradients=of_gradient * trained,
        optimiser=of_optimiser * trained,
        activations=kept * hidden * read * (2 if precision == "fp32" else 1),
        logits=LOGIT * (vocabulary or 0) * min(read, CHUNK if chunked_loss else read) if language_model else 0.0,
    )


def _frozen(
    method: Method, parameters: float, hidden: float, vocabulary: int | None, precision: Precision, language_model: bool
) -> float:
    """Return the bytes of weights that stay as they are."""
    if method != "qlora":
        return _FROZEN[precision] * parameters
    if vocabulary is None:
        return FOUR_BITS_ALL * parameters
    embeddings = min(parameters, (2 if language_model else 1) * vocabulary * hidden)
    return FOUR_BITS * (parameters - embeddings) + 2 * embeddings
