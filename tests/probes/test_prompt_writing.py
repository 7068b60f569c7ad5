"""What a prompt holds: demonstrations, what is cut where it does not fit, pairs, class names, chat templates."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.special import log_softmax

from probes.errors import DataError, MeasurementFailed
from probes.model import ModelFacts
from probes.prompting import fit_prompt, load_causal_lm
from probes.wording import Writer, compose
from tests.probes.prompting_bench import (
    CHAT,
    bench,
    recipe,
    rows,
    save_causal_lm,
    sequence_log_probability,
    tokenizer,
)


def test_demonstrations_come_from_the_training_rows_given_and_the_classes_take_turns(llama: ModelFacts) -> None:
    train = rows(30, first=100)
    seen = set()
    for seed in range(5):
        document, _ = compose(recipe(shots=7, seed=seed), bench(llama), train)
        shown = document.demonstrations
        numbers = [d.number for d in shown]
        assert set(numbers) <= set(train.numbers)
        assert len(set(numbers)) == 7
        assert sorted([d.label for d in shown].count(k) for k in range(3)) == [2, 2, 3]
        assert all(d.text == train.texts[d.number - 100] and d.label == train.labels[d.number - 100] for d in shown)
        assert compose(recipe(shots=7, seed=seed), bench(llama), train)[0] == document
        seen.add(tuple(numbers))
    assert len(seen) == 5


def test_a_rare_class_is_shown_before_any_class_comes_twice(llama: ModelFacts) -> None:
    train = rows(30).model_copy(update={"labels": (0,) * 28 + (1, 2)})
    document, _ = compose(recipe(shots=3), bench(llama), train)
    assert sorted(d.label for d in document.demonstrations) == [0, 1, 2]


def test_demonstrations_that_do_not_fit_are_left_out_and_counted(llama: ModelFacts) -> None:
    fitted = fit_prompt(recipe(shots=9, max_length=100), bench(llama), rows())
    shown = len(fitted.document.demonstrations)
    assert 0 < shown < 9
    assert f"{shown} of 9 demonstrations in the prompt: the others do not fit" in fitted.notes
    assert "only 9 training rows" in fit_prompt(recipe(shots=12, max_length=256), bench(llama), rows()).notes[0]


def test_long_texts_lose_their_end_and_are_counted(facts: ModelFacts) -> None:
    work = bench(facts)
    fitted = fit_prompt(recipe(max_length=100, shots=1), work, rows())
    long = rows(3).model_copy(update={"texts": ("top up " + "cash " * 500, "the card", "word " * 90)})
    assert np.isfinite(fitted.probabilities(long)).all()
    assert fitted.shortened == 2
    assert fitted.notes[-1].startswith("2 of 3 texts were too long for 100 tokens")
    writer = Writer(fitted.document, work.tokenizer, facts.context)
    encoded, shortened = writer.fit(long.texts[0], None)
    assert shortened
    assert 90 < len(encoded) <= 100
    text = work.tokenizer.decode(encoded.head)
    assert "top up" in text
    for demonstration in fitted.document.demonstrations:
        label = fitted.document.words[demonstration.label]
        assert writer.write("", None).count(f"Label: {label}\n") == 1


@pytest.mark.parametrize("turned", [False, True])
def test_the_longer_text_of_a_pair_is_shortened_first(llama: ModelFacts, turned: bool) -> None:
    work = bench(llama, train=rows(pairs=True))
    document, _ = compose(recipe(max_length=70), work, rows(pairs=True))
    texts = ("cash", "payment " * 100)
    encoded, shortened = Writer(document, work.tokenizer, 256).fit(*(reversed(texts) if turned else texts))
    prompt = work.tokenizer.decode(encoded.head)
    assert shortened
    assert ("Second text: cash\n" if turned else "First text: cash\n") in prompt
    assert 2 < prompt.count("payment") < 60


def test_class_names_that_do_not_fit_are_left_out_and_said(llama: ModelFacts) -> None:
    classes = tuple(f"card_payment_{i}" for i in range(60))
    fitted = fit_prompt(recipe(max_length=80), bench(llama, classes=classes), rows())
    assert fitted.document.instruction == ""
    assert "names of the 60 classes" in fitted.notes[0]
    assert fitted.probabilities(rows()).shape == (9, 60)


def test_a_model_that_holds_no_prompt_is_not_measured(llama: ModelFacts) -> None:
    with pytest.raises(MeasurementFailed, match="8 tokens hold no prompt"):
        fit_prompt(recipe(max_length=8), bench(llama), rows())


def test_pairs_fill_their_own_template(llama: ModelFacts) -> None:
    work = bench(llama, train=rows(pairs=True))
    fitted = fit_prompt(recipe(shots=1), work, rows(pairs=True))
    prompt = Writer(fitted.document, work.tokenizer, 256).write("a {pair}", "b {text}")
    assert prompt.endswith("First text: a {pair}\nSecond text: b {text}\nLabel:")
    assert fitted.probabilities(rows(pairs=True)).shape == (9, 3)
    with pytest.raises(DataError, match="made for two texts"):
        fitted.probabilities(rows())


def test_a_chat_template_makes_turns_and_the_label_starts_the_answer(tmp_path: Path) -> None:
    tok = tokenizer("bytes")
    tok.chat_template = CHAT
    model = save_causal_lm(tmp_path, "llama", tok)
    work = bench(model)
    fitted = fit_prompt(recipe(shots=1, calibration="none"), work, rows())
    assert fitted.document.chat
    (shown,) = fitted.document.demonstrations
    prompt = (
        f"<s>[user] {fitted.document.instruction}\n\nText: {shown.text}\nLabel: [end]\n"
        f"[assistant] {fitted.document.words[shown.label]} [end]\n[user] Text: cash\nLabel: [end]\n[assistant] "
    )
    assert Writer(fitted.document, work.tokenizer, 256).write("cash", None) == prompt
    one = rows(1).model_copy(update={"texts": ("cash",)})
    plain = [
        sequence_log_probability(
            load_causal_lm(model, "cpu"), work.tokenizer(f"{prompt}{w}[end]", add_special_tokens=False)["input_ids"]
        )
        for w in fitted.document.words
    ]
    np.testing.assert_allclose(np.log(fitted.probabilities(one))[0], log_softmax(plain), atol=1e-4)


def test_a_chat_template_that_refuses_is_an_outcome(tmp_path: Path) -> None:
    tok = tokenizer("bytes")
    tok.chat_template = "{{ raise_exception('no such turns') }}"
    with pytest.raises(MeasurementFailed, match="no such turns"):
        fit_prompt(recipe(), bench(save_causal_lm(tmp_path, "llama", tok)), rows())
