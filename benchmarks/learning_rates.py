"""Which learning rates the search for LoRA should try, by validation rows of data sets other than banking77.

    python -m benchmarks.learning_rates [--quick] [--json]

`strategies/lora.py` names three rates for small encoders. Scores on banking77's test rows are compared with known
trials (`benchmarks.banking77`), so those rows must not have chosen the rates. Here six rates are run on two draws of
1,000 rows each of three other data sets; no test row is scored. The claim: the best of the three rates reaches, on the
mean over data sets, what the best of all six reaches, within .3 points, and more than the range folklore would take
(1e-4 to 5e-4).
"""

from __future__ import annotations

import statistics

from benchmarks.common import Claim, dataset, main

RATES = (1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 4e-3)
FOLKLORE = (1e-4, 2e-4, 5e-4)
DATASETS = ("clinc150_small", "sentence_polarity", "subjectivity")


def measure(quick: bool) -> list[Claim]:
    """Measure the claims; quick takes 100 rows of subjectivity, and two rates."""
    from probes.model import read_model
    from strategies.lora import LowRankAdapters

    if quick:
        scores = validation_scores("subjectivity", 0, 100, (1e-3, 2e-3), validation_rows=300)
        return [
            Claim(f"subjectivity, 100 rows: {rate:g}", round(score, 4), "≥ .75", score >= 0.75)
            for rate, score in scores.items()
        ]
    ours = LowRankAdapters().learning_rates(read_model("minilm"))
    runs = {(name, draw): validation_scores(name, draw, 1000, RATES) for name in DATASETS for draw in (0, 1)}
    claims = []
    for name in DATASETS:
        for rate in RATES:
            mean = statistics.mean(runs[name, draw][rate] for draw in (0, 1))
            claims.append(Claim(f"{name}, 1,000 rows, mean of 2 draws: {rate:g}", round(mean, 4), "reported", None))

    def best(rates: tuple[float, ...]) -> float:
        return statistics.mean(max(scores[rate] for rate in rates) for scores in runs.values())

    reached, possible, folklore = best(ours), best(RATES), best(FOLKLORE)
    named = ", ".join(f"{rate:g}" for rate in ours)
    lost = round(100 * (possible - reached), 2)
    gained = round(100 * (reached - folklore), 2)
    return [
        *claims,
        Claim(f"points lost by trying {named} only, of six rates", lost, "≤ .3", lost <= 0.3),
        Claim(f"points {named} gain over 1e-4 to 5e-4", gained, "> 0", gained > 0),
    ]


def validation_scores(
    name: str, draw: int, rows: int, rates: tuple[float, ...], *, validation_rows: int = 1500
) -> dict[float, float]:
    """Train LoRA at each rate and return the accuracy on so many validation rows."""
    from probes.data import load_task
    from probes.hardware import inspect_hardware
    from probes.model import read_model
    from probes.sampling import take_nested
    from probes.searching import describe, search
    from probes.workbench import Workbench
    from strategies.base import Situation
    from strategies.lora import LowRankAdapters

    data = load_task(dataset(name), split_seed=draw)
    data = data.model_copy(
        update={"validation": take_nested(data.validation, min(validation_rows, len(data.validation)), draw)}
    )
    model = read_model("minilm")
    bench = Workbench(data, model, inspect_hardware())
    train = take_nested(data.train, rows, draw)
    situation = Situation(
        train_rows=len(train),
        validation_rows=len(data.validation),
        test_rows=len(data.test),
        classes=len(data.classes),
        model=model,
        max_length=bench.max_length,
        speed=bench.measured_speed(),
    )
    recipe = LowRankAdapters().recipes(situation)[0]
    recipes = tuple(recipe.model_copy(update={"learning_rate": rate}) for rate in rates)
    # These rates and none beyond: what is compared is the range.
    tried = search(recipes, bench, train, known={}, record=lambda _: None, beyond=0).trials
    scores = {trial.setting: trial.validation_score for trial in tried}
    return {rate: scores[describe(recipe)] for rate, recipe in zip(rates, recipes, strict=True)}


if __name__ == "__main__":
    main("learning_rates", measure)
