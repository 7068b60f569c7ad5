"""From what the user says and has to facts and advice: what is before the probes, and all there is without rows."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pydantic import Field, field_validator

from advisor import caches
from advisor.advice import Advice
from advisor.assumptions import assumed
from advisor.brief import Brief
from advisor.brief_file import load_brief
from advisor.engine import advise
from advisor.facts import Facts, gather
from advisor.flips import with_flips
from advisor.house_rules import load_rules
from advisor.request import DataRequest, Request
from advisor.rules import Rule
from advisor.rules.start import PRIOR
from advisor.run import Run
from probes.base import Frozen
from probes.errors import SettingError
from probes.files import user_path
from probes.hardware import Hardware, glance_at_hardware
from probes.model import ModelFacts, read_model
from probes.profile import Profile, profile_rows
from probes.reading import content_digest, is_hub_id


class AdviceRequest(Frozen):
    """What advice is asked for; with nothing given, it is the advice for a user who said nothing."""

    brief: Brief = Brief()
    data: DataRequest | None = None
    """Rows to profile; None goes by what the brief says of them."""
    models: tuple[str, ...] = ()
    """Models to advise on: alias, hub id or folder; none takes those of the brief."""
    revision: str | None = None
    """Branch, tag or commit of the model on the hub."""
    trust_remote_code: bool = False
    strategies: tuple[str, ...] = tuple(PRIOR)
    """Names of the strategies to rank; the baseline is always among them."""
    changes: dict[str, Any] = Field(default_factory=dict)
    """Facts to set, whatever was measured; as `advisor.settings.settings_from` returns them."""

    @field_validator("strategies")
    @classmethod
    def _with_baseline(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(name for name in PRIOR if name in names or name == "baseline")


def profile(
    data: DataRequest, model: ModelFacts | None = None, progress: Callable[[int], None] | None = None
) -> Profile:
    """Profile the rows, from memory where the same rows were profiled the same way before.

    Parameters
    ----------
    data : DataRequest
    model : ModelFacts, optional
        Whose tokenizer counts tokens.
    progress : callable, optional
        Called with the number of rows read so far.

    Returns
    -------
    Profile
    """
    tokenizer = Path(model.path) / "tokenizer.json" if model else None
    if tokenizer is not None and not tokenizer.is_file():
        tokenizer = None
    counted = hashlib.sha256(tokenizer.read_bytes()).hexdigest() if tokenizer else None
    # Two models may share a tokenizer and differ in context or name.
    who = (model.name, model.context) if model else None
    key = caches.key_of(content_digest(data.source), data.model_dump(), counted, who, caches.code_of_probes())
    # What a hub id stands for may change without a word; files are known by their content.
    lasting = not is_hub_id(data.source)
    known = caches.load(Profile, "profiles", key) if lasting else None
    if known is not None:
        return known
    found = profile_rows(
        data.source,
        **data.columns(),
        tokenizer_file=tokenizer,
        tokenizer_name=model.name if model and tokenizer else None,
        context=model.context if model else None,
        progress=progress,
    )
    if lasting:
        caches.store(found, "profiles", key)
    return found


def read_models(request: Request | AdviceRequest) -> list[ModelFacts]:
    """Read the facts of every model of the request, or of its brief where it names none itself."""
    names = request.models or request.brief.models
    if len(set(names)) < len(names):
        where = "--model" if request.models else "the brief"
        raise SettingError(f"{where} names a model twice: {', '.join(names)}", "Name each model once.")
    return [read_model(name, revision=request.revision, trust_remote_code=request.trust_remote_code) for name in names]


def facts_for(
    request: Request | AdviceRequest,
    progress: Callable[[int], None] | None = None,
    hardware: Hardware | None = None,
) -> list[tuple[Facts, Profile | None]]:
    """Put the facts together, for each model of the request, or without one.

    Parameters
    ----------
    request : Request or AdviceRequest
    progress : callable, optional
        Called with the number of rows read so far.
    hardware : Hardware, optional
        The machine that will train; None looks at this one, without loading torch.

    Returns
    -------
    list of (Facts, Profile or None)
        One a model; the profile is None without rows.
    """
    hardware = hardware or glance_at_hardware()
    changes = request.changes if isinstance(request, AdviceRequest) else {}
    found: list[tuple[Facts, Profile | None]] = []
    models: list[ModelFacts | None] = [*read_models(request)]
    for model in models or [None]:
        seen = None if request.data is None else profile(request.data, model, progress)
        facts = gather(request.brief, seen, model, hardware, changes)
        if isinstance(request, Request) and request.train_rows and facts.rows:
            share = min(facts.train_share, request.train_rows / facts.rows)
            facts = facts.model_copy(update={"train_share": share})
        found.append((facts, seen))
    return found


def advised(facts: Facts, strategies: Sequence[str] = tuple(PRIOR), rules: Sequence[Rule] | None = None) -> Advice:
    """Advise on facts, with what would flip it, by the team's own rules too (`advisor.house_rules.load_rules`)."""
    rules = load_rules() if rules is None else rules
    advice = advise(facts, strategies, rules)
    advice = advice.model_copy(update={"notes": (*assumed(facts, rules), *advice.notes)})
    return with_flips(facts, advice, rules)


def advice_for(
    request: Request | AdviceRequest,
    progress: Callable[[int], None] | None = None,
    hardware: Hardware | None = None,
) -> list[tuple[Facts, Advice]]:
    """Advise from facts alone, for each model of the request, or without one; see `facts_for`.

    Returns
    -------
    list of (Facts, Advice)
    """
    rules = load_rules()
    return [(facts, advised(facts, request.strategies, rules)) for facts, _ in facts_for(request, progress, hardware)]


def facts_at(place: Path, changes: dict[str, Any], models: tuple[str, ...] = ()) -> list[Facts]:
    """Return the facts of a run folder, or those of a brief on this machine.

    Parameters
    ----------
    place : Path
        A folder that `advisor probe` wrote, or a brief's file.
    changes : dict
        Facts to set instead.
    models : tuple of str
        Models to read beside a brief; none takes those of the brief.

    Returns
    -------
    list of Facts
        One a model.

    Raises
    ------
    SettingError
        If the place is neither, what it holds cannot be used, or models are named beside a run, which has its own.
    """
    place = user_path(place)
    if not place.is_dir():
        return [facts for facts, _ in facts_for(AdviceRequest(brief=load_brief(place), models=models, changes=changes))]
    if models:
        raise SettingError(
            f"{place} is a run folder, which holds its own rows and models",
            "Leave --model out, or give a brief's file.",
        )
    run = Run.open(place)
    kept = run.read("facts.json")
    known = [run.parse(Facts, one, "facts.json") for one in (kept if isinstance(kept, list) and kept else [None])]
    return [Facts.model_validate({**facts.model_dump(), **changes}) for facts in known]
