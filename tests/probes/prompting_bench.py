"""Tiny causal LMs, rows and a plain computation: what the tests of prompting share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from probes.data import Columns, Rows, TaskData
from probes.hardware import Hardware
from probes.model import ModelFacts, read_model
from probes.prompting import FittedPrompt, load_causal_lm
from probes.recipe import Prompt
from probes.workbench import Workbench

TEXTS = [
    "my card never came",
    "the card payment failed twice at the shop",
    "how do I top up",
    "top up with cash please",
    "where is my card",
    "a payment I did not make",
    "the card",
    "please cancel the payment and send the money back to my card as soon as you can",
    "cash",
]
CLASSES = ("card", "card_payment", "top_up")
CHAT = (
    "{{ bos_token }}{% for m in messages %}[{{ m.role }}] {{ m.content | trim }} [end]\n{% endfor %}"
    "{% if add_generation_prompt %}[assistant] {% endif %}"
)


def rows(count: int = 9, *, pairs: bool = False, first: int = 1) -> Rows:
    texts = tuple(TEXTS[i % len(TEXTS)] for i in range(count))
    return Rows(
        texts=texts,
        pairs=tuple(reversed(texts)) if pairs else None,
        labels=tuple(i % 3 for i in range(count)),
        numbers=tuple(range(first, first + count)),
    )


def bench(
    facts: ModelFacts, *, classes: tuple[str, ...] = CLASSES, train: Rows | None = None, **more: Any
) -> Workbench:
    train = train or rows()
    data = TaskData(
        source="rows.csv",
        fingerprint="0",
        columns=Columns(text="text", label="label"),
        classes=classes,
        train=train,
        validation=train,
        test=train,
        split_origin="made up",
        split_seed=0,
    )
    hardware = Hardware(
        device="cpu", device_name="CPU", cores=1, memory_bytes=10**9, device_memory_bytes=None, bf16=False
    )
    return Workbench(data=data, model=facts, hardware=hardware, **more)


def tokenizer(kind: str, *, eos: bool = True) -> Any:
    """A word-level tokenizer, which drops line ends, or a byte-level or unsplit BPE, which keep them."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    special = ["<unk>", "<s>", "</s>", "[end]"]
    corpus = [f"Text: {t}\nLabel: {c.replace('_', ' ')}\n\n" for t in TEXTS for c in CLASSES] * 3
    if kind == "words":
        inner = Tokenizer(models.WordLevel(unk_token="<unk>"))
        inner.pre_tokenizer = pre_tokenizers.Whitespace()
        trainer: Any = trainers.WordLevelTrainer(special_tokens=special)
    else:
        inner = Tokenizer(models.BPE())
        if kind == "bytes":
            inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
            inner.decoder = decoders.ByteLevel()
        trainer = trainers.BpeTrainer(
            vocab_size=400,
            special_tokens=special,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet() if kind == "bytes" else [],
            show_progress=False,
        )
    inner.train_from_iterator(corpus, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=inner, unk_token="<unk>", bos_token="<s>", eos_token="</s>" if eos else None
    )


def save_causal_lm(folder: Path, architecture: str, tok: Any, *, context: int = 256) -> ModelFacts:
    from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    ids = {"bos_token_id": tok.bos_token_id, "eos_token_id": tok.eos_token_id, "pad_token_id": 0}
    if architecture == "llama":
        config = LlamaConfig(
            vocab_size=len(tok),
            hidden_size=32,
            intermediate_size=48,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            max_position_embeddings=context,
            initializer_range=0.3,
            **ids,
        )
        model: Any = LlamaForCausalLM(config)
    else:
        config = GPT2Config(
            vocab_size=len(tok), n_embd=32, n_layer=2, n_head=4, n_positions=context, initializer_range=0.3, **ids
        )
        model = GPT2LMHeadModel(config)
    model.save_pretrained(folder)
    tok.save_pretrained(folder)
    return read_model(str(folder))


def recipe(**changes: Any) -> Prompt:
    return Prompt(**{"max_length": 256, "batch_size": 4, **changes})


def sequence_log_probability(model: Any, ids: list[int]) -> float:
    """Log-probability of a whole sequence but its first token, from one uncached pass."""
    with torch.inference_mode():
        logits = model(input_ids=torch.tensor([ids]), use_cache=False).logits[0].double()
    return float(logits[:-1].log_softmax(-1).gather(1, torch.tensor(ids[1:])[:, None]).sum())


def reference(fitted: FittedPrompt, facts: ModelFacts, tok: Any, texts: tuple[str, ...], end: str) -> np.ndarray:
    """Sequence log-probabilities of prompt and label tokenised together, spelled out by hand."""
    model = load_causal_lm(facts, "cpu")
    words = fitted.document.words
    shown = "".join(f"Text: {d.text}\nLabel: {words[d.label]}\n\n" for d in fitted.document.demonstrations)
    dropped = end and tok(end)["input_ids"] == tok("")["input_ids"]  # by a tokenizer that knows no line ends
    tail = [tok.eos_token_id] if dropped else []
    return np.array(
        [
            [
                sequence_log_probability(
                    model,
                    tok(f"{fitted.document.instruction}\n\n{shown}Text: {t}\nLabel: {w}{end}")["input_ids"] + tail,
                )
                for w in words
            ]
            for t in texts
        ]
    )
