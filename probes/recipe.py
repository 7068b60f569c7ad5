"""Recipes: the hyperparameters and data handling that fully determine one run.

There is one class for each mechanism, told apart by `method`. A recipe whose search has run is *resolved*: its grid
holds the one value that validation rows chose. The emitted training config is a resolved recipe.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from probes.base import Frozen
from probes.model import Pooling

Precision = Literal["fp32", "bf16"]

Strength = Annotated[float, Field(gt=0, allow_inf_nan=False)]
"""An inverse regularisation strength."""


class BagOfWords(Frozen):
    """TF-IDF over word and character n-grams with logistic regression: nothing is transferred."""

    method: Literal["bag_of_words"] = "bag_of_words"
    word_ngrams: tuple[int, int] = (1, 2)
    """Shortest and longest word n-gram."""
    char_ngrams: tuple[int, int] = (2, 5)
    """Shortest and longest character n-gram, within word boundaries."""
    max_features: int = Field(100_000, ge=10)
    """Most frequent n-grams kept, of each of the two sorts."""
    C: tuple[Strength, ...] = Field((1.0, 10.0, 100.0), min_length=1)
    """Inverse regularisation strengths to choose from on validation rows."""
    seed: int = 0


class FrozenFeatures(Frozen):
    """Logistic regression on the pooled features of a model whose weights stay as they are."""

    method: Literal["frozen_features"] = "frozen_features"
    pooling: Pooling
    """How one vector is made of a text."""
    normalize: bool = False
    """Whether vectors are brought to length 1, as the model was made for; otherwise each feature is standardised."""
    max_length: int = Field(ge=4)
    """Tokens read of each text."""
    batch_size: int = Field(32, ge=1)
    """Texts a forward pass reads at once."""
    C: tuple[Strength, ...] = Field((0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 10.0), min_length=1)
    """Inverse regularisation strengths, of features whose squares average 1, to choose from on validation rows."""
    seed: int = 0


class Lora(Frozen):
    """Low-rank adapters on the linear layers; everything else but the head stays frozen."""

    rank: int = Field(8, ge=1)
    alpha: int = Field(16, ge=1)
    """Scale of the update: it is multiplied by alpha / rank."""
    dropout: float = Field(0.05, ge=0, lt=1)
    target_modules: str | tuple[str, ...] = "all-linear"
    """Names of the layers that get an adapter, as peft spells them."""


class Tuning(Frozen):
    """Gradient descent on all weights, or on low-rank adapters, and a classification head."""

    method: Literal["tuning"] = "tuning"
    lora: Lora | None = None
    """The adapter; None trains every weight."""
    head: Literal["linear_probe", "random"] = "linear_probe"
    """Where the classification head starts: from the linear probe on frozen features (LP-FT), or at random."""
    pooling: Pooling
    """How one vector is made of a text."""
    normalize: bool = False
    """Whether vectors are brought to length 1 before the head, as the model was made for."""
    max_length: int = Field(ge=4)
    """Tokens read of each text."""
    learning_rate: float = Field(gt=0, lt=1)
    """Peak learning rate of AdamW."""
    epochs: int = Field(4, ge=1)
    """Passes over the training rows at most."""
    batch_size: int = Field(16, ge=1)
    """Rows an optimiser step sees, accumulation included."""
    gradient_accumulation: int = Field(1, ge=1)
    """Forward passes an optimiser step is split into."""
    warmup: float = Field(0.1, ge=0, lt=1)
    """Share of all steps over which the learning rate rises."""
    schedule: Literal["linear", "cosine", "constant_with_warmup"] = "linear"
    weight_decay: float = Field(0.01, ge=0)
    max_grad_norm: float = Field(1.0, gt=0)
    patience: int = Field(2, ge=1)
    """Epochs without a better validation score after which training stops."""
    precision: Precision = "fp32"
    gradient_checkpointing: bool = False
    """Whether activations are computed twice to save memory."""
    seed: int = 0


class Prompt(Frozen):
    """Label likelihood under a causal language model, with or without demonstrations; nothing is trained."""

    method: Literal["prompt"] = "prompt"
    shots: int = Field(0, ge=0)
    """Demonstrations in the prompt, spread evenly over the classes in turn."""
    instruction: str = "Choose the label that fits best. Labels: {classes}."
    """What stands at the top; `{classes}` stands for the label words. It is left out where it does not fit."""
    template: str = Field("Text: {text}\nLabel:", pattern=r"\{text\}")
    """What precedes the label; `{text}` stands for the text."""
    pair_template: str = Field("First text: {text}\nSecond text: {pair}\nLabel:", pattern=r"\{text\}(.|\n)*\{pair\}")
    """The same for rows that hold two texts; `{pair}` stands for the second."""
    calibration: Literal["content_free", "none"] = "content_free"
    """Whether each label's probability is divided by the one it has when the text says nothing."""
    max_length: int = Field(ge=8)
    """Tokens of prompt and label together."""
    batch_size: int = Field(16, ge=1)
    """Prompts a forward pass reads at once, at most."""
    seed: int = 0


Recipe = Annotated[BagOfWords | FrozenFeatures | Tuning | Prompt, Field(discriminator="method")]
