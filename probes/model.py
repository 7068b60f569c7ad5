"""Model facts: read from a config and a tokenizer, never from loaded weights."""

from __future__ import annotations

import collections
import contextlib
import json
import re
from pathlib import Path
from typing import Any, Literal

from probes.base import Frozen
from probes.errors import ModelError
from probes.model_files import ALIASES, resolve

Pooling = Literal["mean", "cls", "max", "last"]

_DECODERS = re.compile(
    r"bloom|codegen|cohere2?|falcon|gemma2?|gemma3_text|gpt2|gpt_(bigcode|neox?)|gptj|granite|llama|mi[sx]tral|mpt|olmo2?"
    r"|openai-gpt|opt|phi3?|qwen[23](_moe)?|smollm3|stablelm|starcoder2|xglm"
)
"""Values of `model_type` whose body reads from left to right, so that only the last token has read the whole text."""


class ModelFacts(Frozen):
    """What a config, a tokenizer and a file list say about a model."""

    name: str
    """What the user called it: alias, hub id or folder."""
    model_id: str
    """Hub id, or the folder's path where there is none."""
    revision: str | None
    """Commit on the hub, or None for a folder."""
    path: str
    """The local folder that holds the files."""
    kind: Literal["encoder", "causal"]
    """Whether it predicts the next token (causal LM) or gives vectors of a text alone (encoder)."""
    model_type: str
    """The config's `model_type`."""
    architecture: str
    """First entry of the config's `architectures`."""
    parameters: int | None
    """Number of weights, from the safetensors header; None when the files do not say."""
    layers: int
    hidden_size: int
    vocab_size: int
    context: int
    """Tokens read at most: the least of what model, tokenizer and sentence-transformers settings allow."""
    pooling: Pooling
    """How one vector is made of a text: what the model was made for."""
    normalize: bool = False
    """Whether the model was made to bring its vectors to length 1 after pooling."""
    sentence_encoder: bool
    """Whether the folder says itself how to pool (a sentence-transformers model)."""
    chat_template: bool
    """Whether the tokenizer brings a chat template."""
    instruction_tuned: bool
    """Chat template, or a name that says instruct / chat / -it."""
    dtype: str
    """The dtype the weights are stored in."""
    bytes_on_disk: int
    """Size of the safetensors files."""
    licence: str | None
    """Licence named in the model card's header, if any."""
    language: tuple[str, ...] = ()
    """Languages named in the model card's header."""
    trust_remote_code: bool = False
    """Whether the user allowed code from the model's folder to run."""

    @property
    def headless_decoder(self) -> bool:
        """Whether it is the body of a causal LM without the head that predicts: no encoder, and no LM either."""
        return self.kind == "encoder" and bool(_DECODERS.fullmatch(self.model_type))


def read_model(name: str, *, revision: str | None = None, trust_remote_code: bool = False) -> ModelFacts:
    """Read the facts of a model from its config, tokenizer and safetensors header; no weights are loaded.

    Parameters
    ----------
    name : str
        Alias (`minilm`), hub id (`owner/name`) or local folder.
    revision : str, optional
        Branch, tag or commit on the hub.
    trust_remote_code : bool
        Whether code in the model's folder may run when it is loaded.

    Returns
    -------
    ModelFacts

    Raises
    ------
    ModelError
        If it is missing, has no safetensors, needs code of its own, or is neither encoder nor causal LM.
    """
    path, model_id, commit = resolve(name, revision=revision)
    config = _json(path / "config.json", name)
    if "auto_map" in config and not trust_remote_code:
        raise ModelError(
            f"{name} needs Python code from its own folder to run (`auto_map` in config.json)",
            "Read that code, then pass --trust-remote-code if you trust it; or choose a model of a stock architecture.",
        )
    weights = sorted(path.glob("*.safetensors"))
    if not weights:
        pickled = sorted(f.name for f in [*path.glob("*.bin"), *path.glob("*.pt"), *path.glob("*.ckpt")])
        raise ModelError(
            f"{name} has no .safetensors weights in {path}" + (f", only {', '.join(pickled)}" if pickled else ""),
            "Pickled weights can run code and are never loaded: convert them with "
            "`model.save_pretrained(folder, safe_serialization=True)` or choose another revision.",
        )
    tokenizer = _tokenizer_config(path, name)
    kind = _kind(config, name)
    reads_on = kind == "causal" or _DECODERS.fullmatch(str(config.get("model_type")))
    pooling, sentence_encoder = _pooling(path, "last" if reads_on else "mean", name)
    parameters, dtype = _header_facts(weights)
    text = config.get("text_config", config)
    card = _card(path)
    chat = bool(tokenizer.get("chat_template")) or (path / "chat_template.jinja").is_file()
    return ModelFacts(
        name=name,
        model_id=model_id,
        revision=commit or revision,
        path=str(path),
        kind=kind,
        model_type=str(config.get("model_type", "")),
        architecture=(config.get("architectures") or [""])[0],
        parameters=parameters,
        layers=_number(text, name, "num_hidden_layers", "n_layer", "n_layers", "num_layers"),
        hidden_size=_number(text, name, "hidden_size", "n_embd", "dim", "d_model"),
        vocab_size=_number(text, name, "vocab_size"),
        context=_context(path, text, tokenizer),
        pooling=pooling,
        normalize=_normalizes(path),
        sentence_encoder=sentence_encoder,
        chat_template=chat,
        instruction_tuned=kind == "causal"
        and (chat or bool(re.search(r"(instruct|chat|[-_]it\b)", Path(model_id).name, re.IGNORECASE))),
        dtype=dtype,
        bytes_on_disk=sum(f.stat().st_size for f in weights),
        licence=card.get("license") if isinstance(card.get("license"), str) else None,
        language=_languages(card.get("language")),
        trust_remote_code=trust_remote_code,
    )


def _json(file: Path, name: str) -> dict[str, Any]:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ModelError(
            f"--model {name}: {file.name} is missing in {file.parent}",
            "Give a transformers folder with config.json, tokenizer.json and model.safetensors, a hub id, or `minilm`.",
        ) from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ModelError(f"--model {name}: {file} is not valid JSON ({error})", "Fetch the model again.") from None
    if not isinstance(content, dict):
        raise ModelError(f"--model {name}: {file} holds no JSON object", "Fetch the model again.")
    return content


def _tokenizer_config(path: Path, name: str) -> dict[str, Any]:
    files = ("tokenizer.json", "tokenizer.model", "vocab.txt", "vocab.json", "spiece.model", "sentencepiece.bpe.model")
    if not any((path / f).is_file() for f in files):
        raise ModelError(
            f"--model {name}: no tokenizer in {path} (looked for {', '.join(files)})",
            "Save one beside the weights with `tokenizer.save_pretrained(folder)`.",
        )
    file = path / "tokenizer_config.json"
    return _json(file, name) if file.is_file() else {}


def _kind(config: dict[str, Any], name: str) -> Literal["encoder", "causal"]:
    """Tell an encoder from a causal LM by its architecture; refuse what is neither."""
    architecture = (config.get("architectures") or [""])[0]
    if config.get("is_encoder_decoder"):
        raise ModelError(
            f"{name} is an encoder-decoder ({architecture or config.get('model_type')})",
            "Encoders and causal language models can be measured; choose one of those.",
        )
    if re.search(r"(CausalLM|LMHeadModel|ForConditionalGeneration)$", architecture) or config.get("is_decoder"):
        return "causal"
    if re.search(r"(Model|MaskedLM|PreTraining|SequenceClassification|TokenClassification)$", architecture):
        return "encoder"
    raise ModelError(
        f"{name} has architecture {architecture or 'unnamed'!r} in config.json",
        "Encoders (…Model, …ForMaskedLM) and causal language models (…ForCausalLM, …LMHeadModel) can be measured.",
    )


def _pooling(path: Path, default: Pooling, name: str) -> tuple[Pooling, bool]:
    """Read the pooling the model was made for, and whether its folder says so."""
    file = path / "1_Pooling" / "config.json"
    if not file.is_file():
        return default, False
    config = _json(file, name)
    modes: dict[str, Pooling] = {"mean": "mean", "cls": "cls", "max": "max", "lasttoken": "last"}
    mode = config.get("pooling_mode")
    if mode is None:  # the older style: a flag for each mode
        flags = [k for k, on in config.items() if k.startswith("pooling_mode_") and on]
        mode = re.sub("pooling_mode_|_tokens?$", "", flags[0]) if len(flags) == 1 else None
    if isinstance(mode, str) and mode in modes:
        return modes[mode], True
    raise ModelError(
        f"{name} pools in a way we cannot repeat ({file})", f"Poolings that can be measured: {', '.join(modes)}."
    )


def _normalizes(path: Path) -> bool:
    """Whether the sentence-transformers modules end in one that normalises."""
    file = path / "modules.json"
    return file.is_file() and '.Normalize"' in file.read_text(encoding="utf-8")


def _header_facts(weights: list[Path]) -> tuple[int | None, str]:
    """Count weights and find their dtype in the safetensors headers, without reading a tensor."""
    import math
    import struct

    count, by_dtype = 0, collections.Counter[str]()
    for file in weights:
        try:
            with file.open("rb") as stream:
                (length,) = struct.unpack("<Q", stream.read(8))
                if length > file.stat().st_size:
                    raise ValueError("header longer than the file")
                header = json.loads(stream.read(length))
                end = max((t["data_offsets"][1] for k, t in header.items() if k != "__metadata__"), default=0)
                if 8 + length + end > file.stat().st_size:
                    raise ValueError("file shorter than its header says")
            sizes = [(t["dtype"], math.prod(t["shape"])) for k, t in header.items() if k != "__metadata__"]
        except (struct.error, ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
            raise ModelError(
                f"{file} is not a whole safetensors file ({error})", "Fetch the model again; the download was cut."
            ) from None
        for dtype, size in sizes:
            if dtype not in {"I64", "BOOL"}:  # positions and masks that some files carry along are no weights
                count += size
                by_dtype[dtype] += size
    names = {"F32": "float32", "F16": "float16", "BF16": "bfloat16"}
    main = by_dtype.most_common(1)[0][0] if by_dtype else "F32"
    return (count or None), names.get(main, main.lower())


def _number(config: dict[str, Any], name: str, *keys: str) -> int:
    for key in keys:
        if isinstance(config.get(key), int):
            return int(config[key])
    raise ModelError(
        f"{name}: config.json names none of {', '.join(keys)}", "Give a folder saved by `model.save_pretrained`."
    )


def _context(path: Path, config: dict[str, Any], tokenizer: dict[str, Any]) -> int:
    """Return the least of the lengths that config, tokenizer and sentence-transformers settings name."""
    lengths = [config.get(k) for k in ("max_position_embeddings", "n_positions", "n_ctx", "max_seq_len")]
    if isinstance(lengths[0], int) and config.get("model_type") in {"roberta", "xlm-roberta", "camembert"}:
        lengths[0] -= 2  # positions start after the padding index
    lengths.append(tokenizer.get("model_max_length"))
    settings = path / "sentence_bert_config.json"
    if settings.is_file():
        with contextlib.suppress(json.JSONDecodeError):
            lengths.append(json.loads(settings.read_text(encoding="utf-8")).get("max_seq_length"))
    # Tokenizers without a limit store 1e30.
    usable = [int(n) for n in lengths if isinstance(n, int | float) and 0 < n < 10_000_000]
    return min(usable, default=512)


def _card(path: Path) -> dict[str, Any]:
    """Return the YAML header of the model card; empty without one."""
    import yaml

    file = path / "README.md"
    if not file.is_file():
        return {}
    found = re.match(r"\A---\s*\n(.*?)\n---", file.read_text(encoding="utf-8", errors="replace"), re.DOTALL)
    if not found:
        return {}
    try:
        header = yaml.safe_load(found.group(1))
    except yaml.YAMLError:
        return {}
    return header if isinstance(header, dict) else {}


def _languages(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    return tuple(str(v) for v in value) if isinstance(value, list) else ()


def tokenizer_model(name: str, *, revision: str | None = None, trust_remote_code: bool = False) -> ModelFacts | None:
    """Return the model whose tokenizer counts tokens; None for `none`, and where the built-in default is not at hand.

    Only a model the user named is worth an error; a profile without token counts is still a profile.
    """
    if name.lower() == "none":
        return None
    if name.lower() not in ALIASES or revision is not None:
        return read_model(name, revision=revision, trust_remote_code=trust_remote_code)
    try:
        return read_model(name)
    except ModelError:
        return None
