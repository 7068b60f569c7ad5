"""What training leaves behind loads without this project, and gives the same answers."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.special import softmax

from probes.classifier import PooledClassifier, save_classifier
from probes.fitting import fit
from probes.model import ModelFacts, read_model
from probes.recipe import FrozenFeatures, Ia3, Lora, Recipe, SoftPrompt, Tuning
from probes.workbench import Workbench

MakeBench = Callable[..., Workbench]
CHANGES: dict[str, dict[str, Any]] = {
    "lora": {"adapter": Lora(rank=4, alpha=16)},
    "dora": {"adapter": Lora(rank=4, alpha=16, dora=True)},
    "ia3": {"adapter": Ia3()},
    "prompt_tuning": {"adapter": SoftPrompt(tokens=4)},
    "early_layers": {"layers": "first_quarter"},
    "top_layers": {"layers": "last_quarter"},
    "full": {},
    "from_scratch": {"weights": "random", "head": "random"},
}
METHODS = ("linear_probe", *CHANGES)
OLD_NAME = pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")  # peft's, while it loads
PICKLES = {".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".joblib"}


def read_classes(folder: Path) -> tuple[str, ...]:
    """Return the class names as any user of transformers finds them."""
    names = json.loads((folder / "config.json").read_text(encoding="utf-8"))["id2label"]
    return tuple(names[str(i)] for i in range(len(names)))


def recipe(method: str, facts: ModelFacts) -> Recipe:
    common: dict[str, Any] = {"pooling": facts.pooling, "normalize": facts.normalize, "max_length": 16}
    if method == "linear_probe":
        return FrozenFeatures(**common)
    return Tuning(**common, **CHANGES[method], learning_rate=5e-3, epochs=1)


def saved(bench: Workbench, method: str, folder: Path) -> tuple[np.ndarray, str]:
    """Fit and save; return the probabilities of the test rows before saving, and how to load."""
    folder.mkdir()
    fitted = fit(recipe(method, bench.facts), bench, bench.data.train)
    how = fitted.save(folder)
    assert not [f for f in folder.rglob("*") if f.suffix in PICKLES]
    assert list(folder.rglob("*.safetensors"))
    assert read_classes(folder) == bench.data.classes
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    assert config["label2id"] == {name: i for i, name in enumerate(bench.data.classes)}
    assert (folder / "tokenizer.json").is_file()
    return fitted.probabilities(bench.data.test), how


def with_sentence_transformers(folder: Path, bench: Workbench) -> np.ndarray:
    from sentence_transformers import SentenceTransformer

    loaded = SentenceTransformer(str(folder), device="cpu")
    assert loaded.max_seq_length in (16, 20)  # with the four tokens of a prompt
    return softmax(loaded.encode(list(bench.data.test.texts), show_progress_bar=False), axis=1)


def with_model(model: Any, folder: Path, bench: Workbench) -> np.ndarray:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    batch = tokenizer(list(bench.data.test.texts), padding=True, truncation=True, max_length=16, return_tensors="pt")
    with torch.inference_mode():
        return softmax(model.eval()(**batch).logits.numpy(), axis=1)


@pytest.mark.parametrize(
    ("pooling", "method"), [*(("mean", method) for method in METHODS), ("cls", "linear_probe"), ("max", "linear_probe")]
)
def test_a_pooled_model_loads_in_sentence_transformers(
    pooling: Any, method: str, encoder: ModelFacts, make_bench: MakeBench, tmp_path: Path
) -> None:
    bench = make_bench(encoder.model_copy(update={"pooling": pooling, "normalize": pooling == "mean"}))
    expected, how = saved(bench, method, tmp_path / "out")
    assert "SentenceTransformer" in how
    np.testing.assert_allclose(with_sentence_transformers(tmp_path / "out", bench), expected, atol=1e-4)


@pytest.mark.parametrize("method", ["linear_probe", "lora"])
def test_a_causal_sentence_encoder_loads_in_sentence_transformers(
    method: str, tmp_path: Path, save_model: Callable[..., Path], make_bench: MakeBench
) -> None:
    """Normalised, at an end token that is the padding token too."""
    folder = save_model(tmp_path / "base", "causal", eos=True)
    facts = read_model(str(folder)).model_copy(update={"sentence_encoder": True, "normalize": True})
    bench = make_bench(facts)
    expected, _ = saved(bench, method, tmp_path / "out")
    np.testing.assert_allclose(with_sentence_transformers(tmp_path / "out", bench), expected, atol=1e-4)


def test_a_soft_prompt_of_a_causal_model_loads_in_sentence_transformers(
    causal: ModelFacts, make_bench: MakeBench, tmp_path: Path
) -> None:
    """The prompt is part of vocabulary and tokenizer, so nobody has to know of it."""
    bench = make_bench(causal)
    expected, _ = saved(bench, "prompt_tuning", tmp_path / "out")
    np.testing.assert_allclose(with_sentence_transformers(tmp_path / "out", bench), expected, atol=1e-4)


@pytest.mark.parametrize("method", ["linear_probe", "full", "top_layers", "from_scratch"])
def test_a_causal_classifier_loads_in_transformers(
    method: str, causal: ModelFacts, make_bench: MakeBench, tmp_path: Path
) -> None:
    from transformers import AutoModelForSequenceClassification

    bench = make_bench(causal)
    expected, how = saved(bench, method, tmp_path / "out")
    assert "AutoModelForSequenceClassification" in how
    model = AutoModelForSequenceClassification.from_pretrained(tmp_path / "out")
    assert tuple(model.config.id2label.values()) == bench.data.classes
    np.testing.assert_allclose(with_model(model, tmp_path / "out", bench), expected, atol=1e-4)


@OLD_NAME
@pytest.mark.parametrize("method", ["lora", "dora", "ia3"])
def test_a_causal_adapter_loads_in_peft(method: str, causal: ModelFacts, make_bench: MakeBench, tmp_path: Path) -> None:
    from peft import AutoPeftModelForSequenceClassification

    bench = make_bench(causal)
    expected, how = saved(bench, method, tmp_path / "out")
    assert "AutoPeftModelForSequenceClassification" in how
    model = AutoPeftModelForSequenceClassification.from_pretrained(tmp_path / "out", num_labels=3)
    model.config.pad_token_id = bench.tokenizer.pad_token_id  # the base names none; one text at a time needs none
    np.testing.assert_allclose(with_model(model, tmp_path / "out", bench), expected, atol=1e-4)
    sizes = sum(f.stat().st_size for f in (tmp_path / "out").glob("*.safetensors"))
    assert sizes < causal.bytes_on_disk


@OLD_NAME
def test_a_pooled_adapter_is_merged_and_kept_beside(encoder: ModelFacts, make_bench: MakeBench, tmp_path: Path) -> None:
    from peft import PeftModel
    from transformers import AutoModel

    bench = make_bench(encoder)
    saved(bench, "lora", tmp_path / "out")
    adapter = json.loads((tmp_path / "out" / "adapter" / "adapter_config.json").read_text(encoding="utf-8"))
    assert adapter["base_model_name_or_path"] == encoder.model_id
    merged = AutoModel.from_pretrained(tmp_path / "out").eval()
    apart = PeftModel.from_pretrained(AutoModel.from_pretrained(encoder.path), tmp_path / "out" / "adapter").eval()
    batch = bench.tokenizer("please see my card", return_tensors="pt")
    with torch.inference_mode():
        torch.testing.assert_close(
            merged(**batch).last_hidden_state, apart(**batch).last_hidden_state, atol=1e-4, rtol=1e-4
        )


def test_saving_leaves_the_classifier_as_it_was(encoder: ModelFacts, make_bench: MakeBench, tmp_path: Path) -> None:
    bench = make_bench(encoder)
    fitted = fit(recipe("lora", encoder), bench, bench.data.train)
    before = fitted.probabilities(bench.data.test)
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        fitted.save(tmp_path / name)
    np.testing.assert_array_equal(fitted.probabilities(bench.data.test), before)


def test_class_names_of_any_writing_come_back(encoder: ModelFacts, make_bench: MakeBench, tmp_path: Path) -> None:
    bench = make_bench(encoder)
    names = tuple(f'Klasse ß{i} "x"' for i in range(11))
    bench = make_bench(encoder, bench.data.model_copy(update={"classes": names}))
    model = PooledClassifier(bench.load_backbone(), "mean", 11, 32)
    save_classifier(model, bench.tokenizer, encoder, names, 16, tmp_path)
    assert read_classes(tmp_path) == names


def test_a_binary_probe_keeps_its_probabilities(
    encoder: ModelFacts, make_bench: MakeBench, make_task: Callable[..., Any], tmp_path: Path
) -> None:
    bench = make_bench(encoder, make_task(classes=2))
    expected, _ = saved(bench, "linear_probe", tmp_path / "out")
    assert expected.shape == (60, 2)
    np.testing.assert_allclose(with_sentence_transformers(tmp_path / "out", bench), expected, atol=1e-4)
