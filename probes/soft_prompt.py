"""A soft prompt: tokens of its own before every text, whose vectors are learned while all weights stay as they are.

The prompt's tokens are part of the vocabulary, so what is trained is rows of the embedding and what is saved is an
ordinary tokenizer with an ordinary body. Text, padding and pooling are found as for any other token: heads that look
for the last token by its id keep working, which they do not where vectors are put before the embedded text.
"""

from __future__ import annotations

import itertools
import json
from typing import Any

from probes.errors import MeasurementFailed


def prompted(tokenizer: Any, count: int) -> tuple[Any, tuple[int, ...]]:
    """Make a tokenizer that puts new tokens before each text, behind its start token.

    Parameters
    ----------
    tokenizer : PreTrainedTokenizer
        Stays as it is.
    count : int
        How many tokens the prompt has.

    Returns
    -------
    tokenizer : PreTrainedTokenizerFast
    ids : tuple of int
        Ids of the prompt's tokens.

    Raises
    ------
    MeasurementFailed
        If the tokenizer is not of the kind that says in its file what stands before a text.
    """
    from tokenizers import AddedToken, Tokenizer
    from transformers import PreTrainedTokenizerFast

    if getattr(tokenizer, "backend_tokenizer", None) is None:
        raise MeasurementFailed(
            f"a soft prompt needs a fast tokenizer (tokenizer.json), and {type(tokenizer).__name__} is none"
        )
    inner = Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())
    known = inner.get_vocab(with_added_tokens=True)
    fresh = (name for name in map("<prompt_{}>".format, itertools.count()) if name not in known)
    names = list(itertools.islice(fresh, count))
    inner.add_special_tokens([AddedToken(name, special=True, normalized=False) for name in names])
    known = inner.get_vocab(with_added_tokens=True)
    ids = tuple(known[name] for name in names)
    document = json.loads(inner.to_str())
    token = {"id": names[0], "ids": list(ids), "tokens": names}
    document["post_processor"] = _with_token(document["post_processor"], token)
    inner = Tokenizer.from_str(json.dumps(document))
    made = PreTrainedTokenizerFast(
        tokenizer_object=inner,
        model_max_length=tokenizer.model_max_length,
        padding_side=tokenizer.padding_side,
        truncation_side=tokenizer.truncation_side,
        model_input_names=tokenizer.model_input_names,
        **tokenizer.special_tokens_map,
    )
    return made, ids


def _with_token(processor: dict[str, Any] | None, token: dict[str, Any]) -> dict[str, Any]:
    """Put a token before the first text in what frames a text, as `tokenizer.json` writes it."""
    if processor is None:
        return _before_text(_template([], [_text("A")], [_text("A"), _text("B", 1)]), token)
    kind = processor["type"]
    if kind == "TemplateProcessing":
        return _before_text(processor, token)
    if kind in ("BertProcessing", "RobertaProcessing"):
        cls, sep = processor["cls"], processor["sep"]
        start, end = _special(cls[0]), _special(sep[0])
        bert = kind == "BertProcessing"
        second = [_text("B", 1), _special(sep[0], 1)] if bert else [end, _text("B"), end]
        return _before_text(_template([cls, sep], [start, _text("A"), end], [start, _text("A"), end, *second]), token)
    if kind == "Sequence":
        parts = list(processor["processors"])
        framing = [i for i, part in enumerate(parts) if part["type"] != "ByteLevel"]
        if framing:
            parts[framing[-1]] = _with_token(parts[framing[-1]], token)
        else:
            parts.append(_with_token(None, token))
        return {**processor, "processors": parts}
    if kind == "ByteLevel":  # it frames nothing
        return {"type": "Sequence", "processors": [processor, _with_token(None, token)]}
    raise MeasurementFailed(f"a soft prompt cannot be put into what this tokenizer frames texts with ({kind})")


def _before_text(template: dict[str, Any], token: dict[str, Any]) -> dict[str, Any]:
    made = {**template, "special_tokens": {**template["special_tokens"], token["id"]: token}}
    for form in ("single", "pair"):
        place = next(i for i, piece in enumerate(template[form]) if "Sequence" in piece)
        made[form] = [*template[form][:place], _special(token["id"]), *template[form][place:]]
    return made


def _template(specials: list[list[Any]], single: list[Any], pair: list[Any]) -> dict[str, Any]:
    named = {name: {"id": name, "ids": [number], "tokens": [name]} for name, number in specials}
    return {"type": "TemplateProcessing", "single": single, "pair": pair, "special_tokens": named}


def _text(which: str, kind: int = 0) -> dict[str, Any]:
    return {"Sequence": {"id": which, "type_id": kind}}


def _special(name: str, kind: int = 0) -> dict[str, Any]:
    return {"SpecialToken": {"id": name, "type_id": kind}}


def with_prompt(body: Any, ids: tuple[int, ...]) -> Any:
    """Freeze a body and train the vectors of a prompt's tokens, which start as those of words drawn at random.

    Drawn with torch's generator. Words of the vocabulary are a better start than noise (Lester et al. 2021, section
    3.2).

    Parameters
    ----------
    body : PreTrainedModel
        Without a head.
    ids : tuple of int
        Ids of the prompt's tokens, behind all others.

    Returns
    -------
    PeftModel
    """
    import torch
    from peft import TrainableTokensConfig, get_peft_model

    if ids[-1] >= body.get_input_embeddings().weight.shape[0]:
        body.resize_token_embeddings(ids[-1] + 1, mean_resizing=False)
    table = body.get_input_embeddings().weight
    with torch.no_grad():
        table[list(ids)] = table[torch.randperm(ids[0])[: len(ids)]]
    return get_peft_model(body, TrainableTokensConfig(task_type="FEATURE_EXTRACTION", token_indices=list(ids)))
