"""What stands beside each value of a training config: why it is what it is."""

from __future__ import annotations

from probes.recipe import Ia3, Lora, Recipe, SoftPrompt, Tuning
from strategies.tuned import WHOLE_BATCH_ROWS, batch_size

_WHOLE, _HALF = batch_size(WHOLE_BATCH_ROWS), batch_size(1)

_WHY: dict[str, str] = {
    "version": "version of this schema",
    "task": "the task kind",
    "strategy": "the strategy that was measured",
    "metric": "what early stopping and the scores go by",
    "model": "null: none takes part",
    "model.name": "the model that was measured",
    "model.revision": "commit on the hub; null for a folder or package",
    "model.trust_remote_code": "code from the model's folder stays off unless you passed the flag",
    "data.source": "the rows that were measured",
    "data.text_column": "column with the text",
    "data.text_pair_column": "column with the second text; null for single texts",
    "data.label_column": "column with the class",
    "data.split_column": "column with the split; null if there is none, none passes one over",
    "data.split_seed": "the same seed gives the same test rows",
    "data.skip_bad_rows": "true leaves rows without usable text out",
    "data.drop_rare_classes": "true leaves classes too rare to split out",
    "data.train_rows": "null trains on all training rows",
    "data.fingerprint": "digest of rows and splits; training says so if they changed",
    "method.pooling": "how the model was made to pool",
    "method.normalize": "whether the model was made to bring its vectors to length 1",
    "method.max_length": "tokens read of each text: 512 or the longest text, or the model's context where that is less",
    "method.seed": "repeats the run",
    "method.head": "LP-FT: start the head from the linear probe (Kumar et al. 2022)",
    "method.epochs": "passes at most: more for few rows, 2 or 3 from 5,000 on; early stopping may end sooner",
    "method.batch_size": f"{_WHOLE}, or {_HALF} below {WHOLE_BATCH_ROWS:,} rows: shrink the batch before adding epochs",
    "method.gradient_accumulation": "raise it if a batch does not fit the memory",
    "method.warmup": "share of steps over which the learning rate rises: steadies small data",
    "method.schedule": "how the learning rate falls",
    "method.weight_decay": "usual for this kind of model",
    "method.max_grad_norm": "gradients are clipped to this norm",
    "method.patience": "epochs without a better validation score before it stops",
    "method.precision": "what trained fastest on the probing machine",
    "method.gradient_checkpointing": "true trades a third more time for memory",
    "method.adapter": "null trains the weights themselves",
    "method.adapter.kind": "lora, ia3 or soft_prompt",
    "method.adapter.rank": "8 for encoders, 16 for language models",
    "method.adapter.alpha": "twice the rank",
    "method.adapter.dropout": "light regularisation of the adapter",
    "method.adapter.target_modules": "all linear layers, not attention alone (LoRA Without Regret, 2025)",
    "method.adapter.dora": "true learns length and direction of each weight column apart",
    "method.adapter.quantised": "true holds the frozen weights in four bits; needs a CUDA GPU and bitsandbytes",
    "method.adapter.feedforward_modules": "those whose inputs are scaled; null goes with target_modules: null",
    "method.adapter.tokens": "20: more gain little (Lester et al. 2021)",
    "method.layers": "all, or first_quarter or last_quarter alone",
    "method.weights": "random takes over the architecture alone",
    "method.C": "inverse regularisation, chosen on validation rows",
    "method.word_ngrams": "shortest and longest word n-gram",
    "method.char_ngrams": "shortest and longest character n-gram",
    "method.max_features": "most frequent n-grams kept of each sort",
    "method.shots": "demonstrations in the prompt",
    "method.instruction": "stands at the top of the prompt; {classes} becomes the label words",
    "method.template": "what precedes the label",
    "method.pair_template": "the same for rows that hold two texts",
    "method.calibration": "content_free divides by what the model answers to an empty text",
}


def comments(method: Recipe) -> dict[str, str]:
    """Return the comment beside each key, by its path.

    Parameters
    ----------
    method : Recipe
        What the config trains; some comments depend on it.

    Returns
    -------
    dict of str to str

    Examples
    --------
    >>> comments(Tuning(pooling="mean", max_length=64, learning_rate=2e-5))["method.method"]
    'gradient descent: every weight'
    """
    if isinstance(method, Tuning):
        return _WHY | _of_tuning(method)
    how = {
        "prompt": "label likelihood under a causal language model",
        "frozen_features": "logistic regression, on frozen features",
        "bag_of_words": "logistic regression, on TF-IDF",
    }
    return _WHY | {"method.method": how[method.method]}


def _of_tuning(method: Tuning) -> dict[str, str]:
    """Return the comments that depend on what is trained."""
    match method:
        case Tuning(adapter=Ia3()):
            trained = "learned factors on activations"
        case Tuning(adapter=SoftPrompt()):
            trained = "learned vectors before each text"
        case Tuning(adapter=Lora(quantised=True)):
            trained = "low-rank adapters over weights in four bits"
        case Tuning(adapter=Lora()):
            trained = "low-rank adapters"
        case Tuning(weights="random"):
            trained = "every weight, from scratch"
        case Tuning(layers="all"):
            trained = "every weight"
        case _:
            trained = f"the {method.layers.replace('_', ' ')} of the layers"
    why = {"method.method": f"gradient descent: {trained}"}
    if isinstance(method.adapter, Ia3):
        why["method.adapter.target_modules"] = "null takes those that peft knows for this architecture"
    if method.gradient_accumulation > 1:
        why["method.gradient_accumulation"] = f"{method.rows_at_once} rows at a time: what the memory holds"
    if method.head == "random":
        why["method.head"] = "at random; linear_probe starts it from the linear probe (LP-FT, Kumar et al. 2022)"
    return why
