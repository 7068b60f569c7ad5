"""A soft prompt: where its tokens stand, what moves, what it learns, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import AutoModel, AutoTokenizer, PreTrainedTokenizerFast

from advisor.config import DataSection, ModelSection, TrainingConfig
from advisor.prediction import predict, read_mark
from advisor.training import train
from probes.classifier import build_classifier
from probes.errors import MeasurementFailed, SettingError
from probes.fitting import fit
from probes.model import ModelFacts
from probes.recipe import SoftPrompt, Tuning
from probes.soft_prompt import prompted
from probes.training import fit_tuning
from probes.workbench import Workbench

MakeBench = Callable[..., Workbench]
CLS, SEP = ("[CLS]", 1), ("[SEP]", 2)
FRAME = processors.TemplateProcessing(
    single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[CLS, SEP]
)


def tuning(facts: ModelFacts, **more: Any) -> Tuning:
    settings = {"max_length": 16, "learning_rate": 1e-2, "epochs": 2, "batch_size": 16} | more
    return Tuning.model_validate({"pooling": facts.pooling, "adapter": SoftPrompt(tokens=4)} | settings)


@pytest.fixture(params=["encoder", "causal"])
def facts(request: pytest.FixtureRequest) -> ModelFacts:
    return request.getfixturevalue(request.param)


def tokenizer(processor: Any) -> PreTrainedTokenizerFast:
    words = {word: i for i, word in enumerate(("[UNK]", "[CLS]", "[SEP]", "a", "b", "c"))}
    inner = Tokenizer(models.WordLevel(words, unk_token="[UNK]"))
    inner.pre_tokenizer = pre_tokenizers.Whitespace()
    if processor is not None:
        inner.post_processor = processor
    return PreTrainedTokenizerFast(tokenizer_object=inner, unk_token="[UNK]", pad_token="[UNK]", model_max_length=50)


@pytest.mark.parametrize(
    ("processor", "single", "pair"),
    [
        (None, [6, 7, 3], [6, 7, 3, 4]),
        (processors.ByteLevel(), [6, 7, 3], [6, 7, 3, 4]),
        (FRAME, [1, 6, 7, 3, 2], [1, 6, 7, 3, 2, 4, 2]),
        (processors.Sequence([processors.ByteLevel(), FRAME]), [1, 6, 7, 3, 2], [1, 6, 7, 3, 2, 4, 2]),
        (processors.Sequence([processors.ByteLevel()]), [6, 7, 3], [6, 7, 3, 4]),
        (processors.BertProcessing(SEP, CLS), [1, 6, 7, 3, 2], [1, 6, 7, 3, 2, 4, 2]),
        (processors.RobertaProcessing(SEP, CLS), [1, 6, 7, 3, 2], [1, 6, 7, 3, 2, 2, 4, 2]),
    ],
)
def test_it_stands_before_the_text_and_behind_the_start_token(
    processor: Any, single: list[int], pair: list[int], tmp_path: Path
) -> None:
    plain = tokenizer(processor)
    made, ids = prompted(plain, 2)
    assert ids == (6, 7)
    made.save_pretrained(tmp_path)
    for reader in (made, AutoTokenizer.from_pretrained(tmp_path)):
        assert reader("a")["input_ids"] == single
        assert reader("a", "b")["input_ids"] == pair
        kept = reader("a b c a b c", truncation=True, max_length=len(single) + 2)["input_ids"]
        assert len(kept) == len(single) + 2
        assert set(ids) <= set(kept)
    without = [i for i in pair if i not in ids]
    assert plain("a", "b")["input_ids"] == without, "the tokenizer it was made from stays as it is"


def test_a_second_prompt_gets_tokens_of_its_own() -> None:
    first, _ = prompted(tokenizer(FRAME), 2)
    second, ids = prompted(first, 2)
    assert ids == (8, 9)
    assert sorted(second("a")["input_ids"]) == [1, 2, 3, 6, 7, 8, 9]


def test_a_tokenizer_that_does_not_say_how_it_frames_texts_is_refused() -> None:
    with pytest.raises(MeasurementFailed, match="a soft prompt needs a fast tokenizer"):
        prompted(SimpleNamespace(backend_tokenizer=None), 2)


def test_only_the_prompt_and_the_head_are_trained(facts: ModelFacts, make_bench: MakeBench) -> None:
    bench = make_bench(facts)
    fitted = fit_tuning(tuning(facts), bench, bench.data.train)
    moving = {n: p.numel() for n, p in fitted.model.named_parameters() if p.requires_grad}
    assert sum(moving.values()) == 4 * facts.hidden_size + 3 * (facts.hidden_size + 1)
    body = fitted.model.body
    start = body.get_base_model().get_input_embeddings().base_layer.weight[-4:].detach()
    merged = body.merge_and_unload()
    table = merged.get_input_embeddings().weight.detach()
    assert table.shape[0] == facts.vocab_size + 4
    assert not torch.isclose(table[-4:], start).any(dim=1).all()
    before = dict(AutoModel.from_pretrained(facts.path).named_parameters())
    for name, values in merged.named_parameters():
        was = before[name]
        assert torch.equal(values[: len(was)], was), name
    again = fit_tuning(tuning(facts), make_bench(facts), bench.data.train)
    np.testing.assert_array_equal(again.probabilities(bench.data.test), fitted.probabilities(bench.data.test))


def test_the_prompt_alone_learns(facts: ModelFacts, make_bench: MakeBench) -> None:
    """With the head held where it starts, at random, all that is learned is in the prompt."""
    torch.manual_seed(0)
    bench = make_bench(facts)
    reader, prompt = prompted(bench.tokenizer, 4)
    model = build_classifier(
        facts,
        facts.pooling,
        bench.data.classes,
        normalize=False,
        head=None,
        pad_token_id=reader.pad_token_id,
        dtype="float32",
        device="cpu",
        adapter=SoftPrompt(tokens=4),
        prompt=prompt,
    )
    model.head.requires_grad_(False)
    batch = reader(list(bench.data.train.texts), padding=True, return_tensors="pt")
    labels = torch.tensor(bench.data.train.labels)
    optimiser = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=3e-2)
    losses = []
    for _ in range(30):
        loss = model(**batch, labels=labels)["loss"]
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < losses[0] - 0.05, losses


def test_texts_that_leave_no_room_for_the_prompt_are_refused(facts: ModelFacts, make_bench: MakeBench) -> None:
    bench = make_bench(facts)
    fit(tuning(facts, max_length=facts.context - 4, epochs=1), bench, bench.data.train)
    with pytest.raises(SettingError, match="the soft prompt takes 4 tokens more") as refused:
        fit(tuning(facts, max_length=facts.context - 3), bench, bench.data.train)
    assert f"Set `max_length` in the config to {facts.context - 4} or less" in refused.value.remedy


def test_what_was_trained_predicts_as_it_scored(
    facts: ModelFacts, save_rows: Callable[..., Path], tmp_path: Path
) -> None:
    rows = save_rows(tmp_path / "rows.jsonl")
    config = TrainingConfig(
        strategy="prompt_tuning",
        model=ModelSection(name=facts.path),
        data=DataSection(source=str(rows), text_column="text", label_column="label"),
        method=tuning(facts, max_length=6),
    )
    train(config, tmp_path / "model")
    assert read_mark(tmp_path / "model").max_length == 10
    found = predict(tmp_path / "model", str(rows))
    assert len(found["predictions"]) == 120
    longer = sum(len(text.split()) + (2 if facts.kind == "encoder" else 1) > 6 for text in _texts(rows))
    assert 0 < longer < 120
    assert found["truncated"] == longer


def _texts(rows: Path) -> list[str]:
    return [json.loads(line)["text"] for line in rows.read_text(encoding="utf-8").splitlines()]
