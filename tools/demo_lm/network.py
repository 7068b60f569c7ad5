"""The network: a small Llama whose first weights lean towards looking back, comparing and copying.

The residual stream starts in two parts: what a token is, and, empty at first, what stands around it. The heads of the
first layer are windows over the last 5 to 40 tokens, by biases alone: a query and a key bias of equal value in some
rotary frequencies give a score that falls with distance. They write the mean of what they see into the second part.
In the layers after, queries and keys are the same projection of the second part, in rotary dimensions that hardly
turn, and values carry the first part over as it is: a position attends to those in like surroundings, and copies them.
Near-identity attention at the start is *mimetic initialisation* (Trockman & Kolter 2023, arXiv:2305.09828).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from tools.demo_lm.vocabulary import NOISE

CONTEXT = 2048
ROPE_THETA = 1e6
"""High, so that half of the dimensions of a head hardly turn within the context and compare content alone."""

WINDOWS = ((5, 6, 7, 8, 8), (2, 4))
"""The first of the four rotary frequencies of each head that is a window, in the first layer and in the second: from
5 they reach some 15 tokens back, from 8 some 40."""

WINDOW_BIAS = 3.5
"""Windows this sharp hold so much of a row that the nearest of the rows before it, by what they hold, is of its class
nearly as often as by a mean over its own tokens alone (.55 against .58, chance .45, on rows of documents held out)."""


READING = 2
"""Layers that read rows: what they leave in the second part, where a row ends, is held to the teacher's vector of it.
Three or four come no nearer to it in the same number of steps (cosine .72, .73, .73 on documents held out)."""


def config(size: str, tokens: int, end: int) -> Any:
    """Return the configuration: `cpu`, about 6 M weights, or `gpu`, about 11 M."""
    from transformers import LlamaConfig

    width, layers, heads, inner = {"cpu": (256, 6, 4, 640), "gpu": (320, 8, 5, 704)}[size]
    return LlamaConfig(
        vocab_size=tokens,
        hidden_size=width,
        intermediate_size=inner,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=heads,
        max_position_embeddings=CONTEXT,
        rope_parameters={"rope_type": "default", "rope_theta": ROPE_THETA},
        attention_bias=True,
        tie_word_embeddings=True,
        bos_token_id=end,
        eos_token_id=end,
        pad_token_id=end,
        rms_norm_eps=1e-5,
    )


def build(settings: Any, embeddings: NDArray[np.float32], seed: int) -> Any:
    """Build the network and set its first weights."""
    from transformers import LlamaForCausalLM

    torch.manual_seed(seed)
    model = LlamaForCausalLM(settings)
    width, heads = settings.hidden_size, settings.num_attention_heads
    size, own = width // heads, own_width(width)
    noise = 0.2 / width**0.5
    with torch.no_grad():
        model.model.embed_tokens.weight.zero_()
        model.model.embed_tokens.weight[:, :own] = torch.from_numpy(embeddings)
        # Embeddings of length 1 that share much need this to tell one token from 8,191 others.
        model.model.norm.weight.fill_(3.0)
        into = torch.eye(own, width - own)
        for number, layer in enumerate(model.model.layers):
            attention, windows = layer.self_attn, WINDOWS[number][:heads] if number < 2 else ()
            for linear in (attention.q_proj, attention.k_proj, attention.v_proj, attention.o_proj):
                linear.weight.normal_(std=noise)
                linear.bias.zero_()
            carried = _orthogonal(own, own)
            meant = _orthogonal(own - NOISE - 1, own - NOISE - 1)
            for head in range(heads):
                rows = slice(head * size, (head + 1) * size)
                reads = carried[torch.arange(head * size, (head + 1) * size) % own]
                if head < len(windows):
                    reads = torch.zeros(size, own)
                    reads[:, : len(meant)] = meant[torch.arange(head * size, (head + 1) * size) % len(meant)]
                attention.v_proj.weight[rows, :own] += 0.5 * reads
                if head < len(windows):
                    attention.o_proj.weight[own:, rows] += 2.4 / (number + 1) * (reads @ into).T
                    for linear in (attention.q_proj, attention.k_proj):
                        for pair in range(windows[head], windows[head] + 4):
                            linear.bias[head * size + pair] = WINDOW_BIAS
                    continue
                attention.o_proj.weight[:own, rows] += 0.9 * reads.T
                # The dimensions of a head turn in pairs, the later ones slowest.
                still = torch.cat([torch.arange(size // 4, size // 2), torch.arange(3 * size // 4, size)])
                compared = _orthogonal(len(still), width - own)
                for linear in (attention.q_proj, attention.k_proj):
                    linear.weight[head * size + still, own:] += 2.0 * compared
            for linear in (layer.mlp.gate_proj, layer.mlp.up_proj, layer.mlp.down_proj):
                linear.weight.normal_(std=0.5 / linear.in_features**0.5)
    return model


def reader_of(model: Any) -> Any:
    """Cut the network down to the layers that read rows, and return it."""
    model.model.layers = model.model.layers[:READING]
    model.config.num_hidden_layers = READING
    return model


def own_width(width: int) -> int:
    """Return the dimensions that say what a token is; the others start empty."""
    return width * 5 // 8


def _orthogonal(rows: int, columns: int) -> torch.Tensor:
    """Return a random matrix whose shorter side is orthonormal."""
    found = torch.linalg.qr(torch.randn(max(rows, columns), min(rows, columns)))[0]
    return found if rows >= columns else found.T


def load(folder: Path) -> Any:
    """Load the network in single precision."""
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, use_safetensors=True)
