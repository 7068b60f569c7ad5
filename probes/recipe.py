"""Recipes: the hyperparameters and data handling that fully determine one run.

There is one class for each mechanism, told apart by `method`. A recipe whose search has run is *resolved*: its grid
holds the one value that validation rows chose. The emitted training config is a resolved recipe.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

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

    kind: Literal["lora"] = "lora"
    rank: int = Field(8, ge=1)
    alpha: int = Field(16, ge=1)
    """Scale of the update: it is multiplied by alpha / rank."""
    dropout: float = Field(0.05, ge=0, lt=1)
    target_modules: str | tuple[str, ...] = "all-linear"
    """Names of the layers that get an adapter, as peft spells them."""
    dora: bool = False
    """Whether length and direction of each weight column are learned apart (DoRA)."""
    quantised: bool = False
    """Whether the frozen weights lie in four bits, NF4 with double quantisation (QLoRA); needs a CUDA device."""


class Ia3(Frozen):
    """A learned factor for each key, value and inner feed-forward activation; all else but the head stays frozen."""

    kind: Literal["ia3"] = "ia3"
    target_modules: tuple[str, ...] | None = None
    """Names of the layers that get factors; None takes those peft knows for the architecture."""
    feedforward_modules: tuple[str, ...] | None = None
    """Those among them whose inputs are scaled, not their outputs; None goes with None above."""


class SoftPrompt(Frozen):
    """Learned vectors that stand before each text; everything else but the head stays frozen."""

    kind: Literal["soft_prompt"] = "soft_prompt"
    tokens: int = Field(20, ge=1)
    """Vectors before the text; they count towards the tokens that the model reads at most."""


Adapter = Annotated[Lora | Ia3 | SoftPrompt, Field(discriminator="kind")]


class Tuning(Frozen):
    """Gradient descent on all weights, some layers or an adapter, and a classification head."""

    method: Literal["tuning"] = "tuning"
    adapter: Adapter | None = None
    """The adapter to train; None trains the weights themselves."""
    layers: Literal["all", "first_quarter", "last_quarter"] = "all"
    """Layers whose weights are trained; with a quarter, embeddings and all other layers stay frozen."""
    weights: Literal["pretrained", "random"] = "pretrained"
    """Where the weights start: as pretrained, or at random, so that the architecture alone is taken over."""
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

    @property
    def read_length(self) -> int:
        """Tokens that the network reads of a row, those of a soft prompt included."""
        return self.max_length + (self.adapter.tokens if isinstance(self.adapter, SoftPrompt) else 0)

    @property
    def rows_at_once(self) -> int:
        """Rows of one forward pass in training."""
        return max(1, self.batch_size // self.gradient_accumulation)

    def in_parts(self, rows: int) -> Self:
        """Return the recipe with at most so many rows in a forward pass, and as many as before in a step.

        Examples
        --------
        >>> Tuning(pooling="mean", max_length=64, learning_rate=2e-5, batch_size=12).in_parts(5).gradient_accumulation
        3
        """
        if rows >= self.rows_at_once:
            return self
        parts = next(
            k for k in range(1, self.batch_size + 1) if self.batch_size % k == 0 and self.batch_size // k <= rows
        )
        return self.model_copy(update={"gradient_accumulation": parts})

    @model_validator(mode="before")
    @classmethod
    def _older_spelling(cls, values: Any) -> Any:
        """Read what version 0.1.0 wrote, `lora: {...}`, as an adapter."""
        if not isinstance(values, dict) or "lora" not in values or "adapter" in values:
            return values
        values = dict(values)
        lora = values.pop("lora")
        return {**values, "adapter": {"kind": "lora", **lora} if isinstance(lora, dict) else lora}

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.adapter is not None and self.layers != "all":
            raise ValueError("an adapter leaves the layers frozen: set `layers: all` or `adapter: null`")
        if self.weights == "random" and (self.adapter is not None or self.layers != "all"):
            raise ValueError("random weights must all be trained: set `adapter: null` and `layers: all`")
        if self.weights == "random" and self.head != "random":
            raise ValueError("random weights have no linear probe to start the head from: set `head: random`")
        return self


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
