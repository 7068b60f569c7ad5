"""The tokenizer, and token embeddings that start from what the teacher says of each token."""

from __future__ import annotations

import string
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.label_episodes import embed
from tools.demo_lm.corpus import documents, read_sentences, teacher_space

SIZE = 8192
END = "<|end|>"
"""Begins and ends a text, and pads."""

RARITY = 1e-3
"""A token of this share in the corpus counts half in a mean (Arora et al. 2017, *A simple but tough-to-beat baseline
for sentence embeddings*)."""

RIDGE, ALONE = 0.03, 2.0
"""Weight of the ridge, and what it pulls towards: so many times the vector of the token alone. Means over tokens of
sentences held out then have a cosine of .71 with the teacher's vectors; of the tokens' own vectors they have .21."""

NOISE, APART = 32, 0.45
"""Dimensions that tell tokens of like meaning apart, and their length; one more dimension fills up what is left."""


def train_tokenizer(corpus: Path, work: Path, context: int) -> int:
    """Train byte-level BPE on the documents that are not held out and write it; return the number of tokens."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=SIZE,
        special_tokens=[END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator((d.text for d in documents(corpus) if not d.held_out), trainer)
    wrapped = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token=END, eos_token=END, pad_token=END, model_max_length=context
    )
    wrapped.save_pretrained(work / "tokenizer")
    counts = np.zeros(len(wrapped), dtype=np.int64)
    stream = []
    for document in documents(corpus):
        if document.held_out:
            continue
        ids = np.array([*wrapped(document.text, verbose=False)["input_ids"], wrapped.eos_token_id], dtype=np.uint16)
        counts += np.bincount(ids, minlength=len(counts))
        stream.append(ids)
    np.save(work / "stream.npy", np.concatenate(stream))
    np.save(work / "counts.npy", counts)
    return len(wrapped)


def token_embeddings(work: Path, teacher: str, width: int, seed: int) -> NDArray[np.float32]:
    """Return an embedding of length 1 for each token, shape (tokens, width).

    Fitted by ridge regression so that the mean over a sentence's tokens comes as near as it can to the teacher's vector
    of the sentence, and, where sentences say little of a token, to the teacher's vector of the token read alone, which
    is weighted by rarity. What a token weighs in a mean is thereby learned: common words end up short. The fitted
    vectors are brought to fewer dimensions along the principal axes of the sentences. Beside them stand noise, which
    tells tokens apart, and one dimension that fills the length up to 1.
    """
    from scipy.sparse import csr_matrix
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(work / "tokenizer")
    rows = read_sentences(work)
    read = np.array([not row["held"] for row in rows])
    vectors, mean, axes = teacher_space(work)
    vectors = vectors[read]
    ids = tokenizer([" " + row["text"] for row in rows if not row["held"]], add_special_tokens=False)["input_ids"]
    lengths = [len(i) for i in ids]
    shares = np.concatenate([np.full(n, 1 / n) for n in lengths])
    counted = csr_matrix(
        (shares, np.concatenate(ids), np.cumsum([0, *lengths])), shape=(len(ids), len(tokenizer)), dtype=np.float64
    )
    texts = [tokenizer.decode([i]).strip() for i in range(len(tokenizer))]
    counts = np.load(work / "counts.npy")
    letters = np.array([any(c in string.ascii_letters for c in t) for t in texts])
    rarity = np.where(letters, RARITY / (RARITY + counts / counts.sum()), 0.05)[:, None]
    alone = (embed([t or "." for t in texts], teacher) - mean) * rarity
    gram = (counted.T @ counted).toarray() + RIDGE * np.eye(len(tokenizer))
    fitted = np.linalg.solve(gram, counted.T @ vectors + RIDGE * ALONE * alone)
    meant = fitted @ axes[: width - NOISE - 1].T
    length = np.linalg.norm(meant, axis=1, keepdims=True)
    meant *= np.minimum(0.85 / np.percentile(length, 99), 0.88 / (length + 1e-9))
    noise = np.random.default_rng(seed).normal(size=(len(texts), NOISE))
    noise *= APART / np.linalg.norm(noise, axis=1, keepdims=True)
    rest = np.sqrt(np.maximum(0, 1 - APART**2 - np.square(meant).sum(axis=1, keepdims=True)))
    return np.asarray(np.concatenate([meant, noise, rest], axis=1), dtype=np.float32)
