"""The network that is tuned: a pretrained body, the pooling it was made for, and a linear head; how it saves itself."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import nn

from probes.adapters import four_bits, merged, save_adapter, train_only, with_adapter
from probes.features import sentence_vector
from probes.model import ModelFacts, Pooling
from probes.recipe import Ia3, Lora, SoftPrompt

if TYPE_CHECKING:
    from probes.linear_head import LinearHead


class PooledClassifier(nn.Module):  # type: ignore[misc]
    """A body without head, pooled, and a linear layer on top.

    Parameters
    ----------
    body : PreTrainedModel or PeftModel
    pooling : {'mean', 'cls', 'max', 'last'}
    classes : int
    width : int
        Hidden size of the body.
    normalize : bool
        Whether the pooled vector is brought to length 1.
    """

    def __init__(self, body: Any, pooling: Pooling, classes: int, width: int, *, normalize: bool = False) -> None:
        super().__init__()
        self.body = body
        self.pooling: Pooling = pooling
        self.normalize = normalize
        self.head = nn.Linear(width, classes)

    def forward(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor, labels: torch.Tensor | None = None, **extra: Any
    ) -> dict[str, torch.Tensor]:
        """Return `logits`, shape (batch, classes), and `loss`, the mean cross-entropy, where labels are given."""
        hidden = self.body(input_ids=input_ids, attention_mask=attention_mask, **extra).last_hidden_state
        vector = sentence_vector(hidden, attention_mask, self.pooling, normalize=self.normalize)
        logits = self.head(vector.to(self.head.weight.dtype))
        if labels is None:
            return {"logits": logits}
        return {"loss": nn.functional.cross_entropy(logits.float(), labels), "logits": logits}


def stock_head(facts: ModelFacts, pooling: Pooling) -> bool:
    """Whether transformers' own sequence-classification head pools the way we do: causal LMs at their last token.

    Not for sentence encoders of the causal kind: they may normalise, and read at an end token that is often their
    padding token too, which the stock head passes over.
    """
    return facts.kind == "causal" and pooling == "last" and not facts.sentence_encoder


def build_classifier(
    facts: ModelFacts,
    pooling: Pooling,
    classes: tuple[str, ...],
    *,
    normalize: bool,
    head: LinearHead | None,
    pad_token_id: int,
    dtype: str,
    device: str,
    adapter: Lora | Ia3 | SoftPrompt | None = None,
    prompt: tuple[int, ...] = (),
    layers: Literal["all", "first_quarter", "last_quarter"] = "all",
    weights: Literal["pretrained", "random"] = "pretrained",
    gradient_checkpointing: bool = False,
) -> Any:
    """Load the body and put a head on it.

    Parameters
    ----------
    facts : ModelFacts
    pooling : {'mean', 'cls', 'max', 'last'}
    classes : tuple of str
    normalize : bool
        Whether the pooled vector is brought to length 1.
    head : LinearHead or None
        Where the head starts; None starts it at random.
    pad_token_id : int
    dtype : str
        Torch dtype of the weights.
    device : str
    adapter : Lora, Ia3, SoftPrompt or None
        What to train besides the head; None trains the weights themselves.
    prompt : tuple of int
        Ids of a soft prompt's tokens.
    layers : {'all', 'first_quarter', 'last_quarter'}
        Layers whose weights are trained.
    weights : {'pretrained', 'random'}
        Where the weights start.
    gradient_checkpointing : bool

    Returns
    -------
    Module
        The stock transformers model where its head pools as we do, else a `PooledClassifier`; with `adapter` peft's
        wrapper around the model or the body.
    """
    from transformers import AutoModel, AutoModelForSequenceClassification

    # peft keeps no head beside a soft prompt: it would be lost where the best epoch is loaded again.
    stock = stock_head(facts, pooling) and not isinstance(adapter, SoftPrompt)
    kind = AutoModelForSequenceClassification if stock else AutoModel
    names = {"id2label": dict(enumerate(classes)), "label2id": {c: i for i, c in enumerate(classes)}}
    settings: dict[str, Any] = {"dtype": getattr(torch, dtype), "pad_token_id": pad_token_id, **names}
    if isinstance(adapter, Lora) and adapter.quantised:
        settings |= {"quantization_config": four_bits(), "device_map": {"": device}}
    body = _from_config(kind, facts, settings) if weights == "random" else _from_weights(kind, facts, settings)
    if layers != "all":
        train_only(body, layers, facts)
    if stock:
        body.score.requires_grad_(True)
        if head is not None:
            _set(body.score, head)
        model = body = body if adapter is None else with_adapter(body, adapter, "SEQ_CLS", prompt)
    else:
        body = body if adapter is None else with_adapter(body, adapter, "FEATURE_EXTRACTION", prompt)
        model = PooledClassifier(body, pooling, len(classes), facts.hidden_size, normalize=normalize)
        if head is not None:
            _set(model.head, head)
    if gradient_checkpointing:
        # transformers renames the method in its version 6 and warns of it before.
        newer = getattr(body, "activation_checkpointing_enable", None)
        (newer or body.gradient_checkpointing_enable)({"use_reentrant": False})
    return model.to(device)


def _from_weights(kind: Any, facts: ModelFacts, settings: dict[str, Any]) -> Any:
    """Load a network from safetensors only."""
    return kind.from_pretrained(facts.path, use_safetensors=True, trust_remote_code=facts.trust_remote_code, **settings)


def _from_config(kind: Any, facts: ModelFacts, settings: dict[str, Any]) -> Any:
    """Make a network of the same architecture with random weights."""
    from transformers import AutoConfig

    settings = dict(settings)
    dtype = settings.pop("dtype")
    config = AutoConfig.from_pretrained(facts.path, trust_remote_code=facts.trust_remote_code, **settings)
    return kind.from_config(config, dtype=dtype, trust_remote_code=facts.trust_remote_code)


def _set(layer: nn.Linear, head: LinearHead) -> None:
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(head.weight))
        if layer.bias is not None:
            layer.bias.copy_(torch.from_numpy(head.bias))


def save_classifier(
    model: Any, tokenizer: Any, base: ModelFacts, classes: tuple[str, ...], max_length: int, folder: Path
) -> str:
    """Write a tuned classifier in the format its users load without us.

    Parameters
    ----------
    model : Module
        As `build_classifier` made it.
    tokenizer : PreTrainedTokenizer
    base : ModelFacts
        The model it was tuned from.
    classes : tuple of str
    max_length : int
        Tokens read of each text.
    folder : Path

    Returns
    -------
    str
        The line of code that loads it.
    """
    if isinstance(model, PooledClassifier):
        save_pooled(model, tokenizer, base, classes, max_length, folder)
        return "a sentence-transformers model: `SentenceTransformer(folder).encode(texts)` gives the class scores"
    tokenizer.save_pretrained(folder)
    if hasattr(model, "peft_config"):
        save_adapter(model, base, folder)
        # The adapter's folder names the classes too, so that one call with this folder loads base and adapter.
        config = copy.deepcopy(model.get_base_model().config)
        quantised = hasattr(config, "quantization_config")
        if quantised:  # how the base was loaded to train, not what it is
            del config.quantization_config
        config.save_pretrained(folder)
        four = "; it was measured over weights in four bits (`quantization_config=`)" if quantised else ""
        return (
            "a peft adapter: `AutoPeftModelForSequenceClassification.from_pretrained(folder, num_labels=N)`, then "
            f"`model.config.pad_token_id = tokenizer.pad_token_id` for batches{four}"
        )
    model.save_pretrained(folder, safe_serialization=True)
    return "a transformers model: `AutoModelForSequenceClassification.from_pretrained(folder)`"


def save_pooled(
    model: PooledClassifier,
    tokenizer: Any,
    base: ModelFacts,
    classes: tuple[str, ...],
    max_length: int,
    folder: Path,
) -> None:
    """Write sentence-transformers modules: transformer → pooling (→ normalize) → dense.

    An adapter is merged in, and kept beside in `adapter/`.

    The dense layer's output is the class scores; `config.json` of the transformer names the classes in `id2label`.
    """
    import tempfile

    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Dense, Normalize, Pooling, Transformer

    body, head = model.body, model.head
    if hasattr(body, "peft_config"):
        save_adapter(body, base, folder / "adapter")
        body = merged(body, base, folder / "adapter")
    body.config.id2label = dict(enumerate(classes))
    body.config.label2id = {c: i for i, c in enumerate(classes)}
    with tempfile.TemporaryDirectory() as plain:
        body.save_pretrained(plain, safe_serialization=True)
        tokenizer.save_pretrained(plain)
        trusted = {"trust_remote_code": base.trust_remote_code}
        transformer = Transformer(
            plain, max_seq_length=max_length, model_kwargs=trusted, config_kwargs=trusted, processor_kwargs=trusted
        )
        modes = {"last": "lasttoken"}
        dense = Dense(head.in_features, head.out_features, bias=True, activation_function=nn.Identity())
        with torch.no_grad():
            dense.linear.weight.copy_(head.weight)
            dense.linear.bias.copy_(head.bias)
        pooled = Pooling(head.in_features, modes.get(model.pooling, model.pooling))
        modules = [transformer, pooled, *([Normalize()] if model.normalize else []), dense]
        SentenceTransformer(modules=modules, device="cpu").save_pretrained(str(folder), create_model_card=False)
