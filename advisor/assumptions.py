"""What the rules reckoned with although nobody said it: told in a sentence or two, and only where it mattered."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from advisor.engine import Watch
from advisor.facts import Facts
from advisor.memory import FULL_BYTES
from advisor.questions import machine_is_known
from advisor.rules import RULES, Rule
from advisor.rules.room import USABLE, main_memory


def assumed(facts: Facts, rules: Sequence[Rule] = RULES, varied: Collection[str] = ()) -> tuple[str, ...]:
    """Say which facts were supposed because they were neither said nor measured, and some rule looked at them.

    Parameters
    ----------
    facts : Facts
    rules : sequence of Rule, default all of them
    varied : collection of str
        Facts that are tried at several values, so that nothing is supposed of them.

    Returns
    -------
    tuple of str
        At most two sentences: one about the task, one about all else.

    Examples
    --------
    >>> assumed(Facts(task="code"))
    ()
    >>> for sentence in assumed(Facts(rows=100, classes=2, gpu="T4", model_parameters=10**8)):
    ...     print(sentence)
    Taken as text classification, because the task was not said; set task to change it.
    Assumed, because nobody said: one GPU (gpus), 70% of the rows to train on (train_share).
    >>> assumed(Facts(task="code", device="cpu", memory_bytes=25 * 10**9))
    ('Assumed, because nobody said: this machine: CPU, 25 GB of main memory (gpu).',)
    """
    read: set[str] = set()
    for rule in rules:
        watched = Watch(facts)
        rule.ask(watched)  # type: ignore[arg-type]  # stands in for Facts
        read |= watched.read
    said = facts.model_fields_set | set(varied)
    sentences = []
    if "task" in read - said:
        kind = facts.task.replace("-", " ")
        sentences.append(f"Taken as {kind}, because the task was not said; set task to change it.")
    supposed = []
    if "device" in read and not {"gpu", "gpu_memory_gb"} & set(varied) and _supposes_this_machine(facts):
        supposed.append(_this_machine(facts))
    if "gpus" in read - set(varied) and facts.gpus is None and (facts.gpu is not None or facts.gpu_memory_gb):
        supposed.append("one GPU (gpus)")
    if "train_share" in read - said and facts.rows is not None:
        supposed.append(f"{facts.train_share:.0%} of the rows to train on (train_share)")
    if (supposed_main := _supposed_main_memory(facts)) is not None:
        supposed.append(f"{supposed_main / 1e9:.3g} GB of main memory")
    if supposed:
        sentences.append(f"Assumed, because nobody said: {', '.join(supposed)}.")
    return tuple(sentences)


def _supposes_this_machine(facts: Facts) -> bool:
    """Whether the machine at hand stands in for one that nobody named."""
    named = facts.gpu is not None or facts.gpu_memory_gb is not None
    return facts.device is not None and not named and not machine_is_known(facts)


def _this_machine(facts: Facts) -> str:
    name = "CPU" if facts.device == "cpu" else facts.device_name or "its GPU"
    size = "" if facts.memory_bytes is None else f", {facts.memory_bytes / 1e9:.3g} GB"
    of = " of main memory" if size and facts.device == "cpu" else ""
    return f"this machine: {name}{size}{of} (gpu)"


def _supposed_main_memory(facts: Facts) -> float | None:
    """Return the bytes of main memory supposed, where it matters: the GPU alone cannot hold the heaviest training."""
    if facts.model_parameters is None or facts.gpu_bytes is None:
        return None
    main, known = main_memory(facts)
    return main if not known and FULL_BYTES * facts.model_parameters > USABLE * facts.gpu_bytes else None
