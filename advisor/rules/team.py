"""Team: who trains and looks after the model, and whether there needs to be one."""

from __future__ import annotations

from advisor.facts import Facts
from advisor.rules.base import Effects, Threshold, count, nats, push, rule, spread
from advisor.rules.groups import ADAPTERS, PARTIAL, PROMPTED, each

NOTHING_TO_LEARN = Threshold("rows", 2, 30, "labelled rows", "our line")
FEW_REQUESTS = Threshold("requests_per_month", 60, 900, "requests a month", "our line")
BY_HAND = Threshold("requests_per_month", 3_000, 30_000, "requests a month", "our line: 100 a day are one person's day")
TOO_MANY = Threshold("requests_per_month", 30_000, 3_000_000, "requests a month", "our line: 3 to 300 people")
PERSON_A_YEAR = Threshold("label_price", 300, 10_000, "for a year of answers, in the currency of the brief", "our line")

_ELABORATE = ("distillation", "domain_alignment", "tapt", "dapt", "from_scratch")
_NEWCOMER = nats(
    **each(("baseline", *PROMPTED, "linear_probe"), "+W"),
    **each(("setfit", *ADAPTERS, *PARTIAL, "full"), "-W"),
    **each(_ELABORATE, "-M"),
)
_LITTLE_UPKEEP = nats(
    **each(("baseline", "zero_shot"), "+W"),
    **each(("retrieval", *ADAPTERS, *PARTIAL, "full"), "-W"),
    **each(_ELABORATE, "-M"),
)


@rule(
    id="no-experience-light",
    strength="M",
    source="common practice (a first project takes the lightest strategy that may do)",
    touches=tuple(_NEWCOMER),
    example={"expertise": "none"},
)
def no_experience(facts: Facts) -> Effects | None:
    """Without experience in training, keep to what cannot go wrong silently.

    A prompt or a small classifier either works or is seen not to; a training that went wrong still gives a model, and
    it takes experience to tell. Experts may go beyond it, so some experience and more say nothing.

    What to do: start with the baseline, a prompt and a linear probe; tune with the emitted recipe if they fall short.
    """
    if facts.expertise != "none":
        return None
    because = "You say that experience with training is none; the lighter strategies are hard to get wrong."
    return spread(because, 1.0, _NEWCOMER)


@rule(
    id="low-upkeep-light",
    strength="M",
    source="common practice (what is built has to be retrained, served and watched)",
    touches=tuple(_LITTLE_UPKEEP),
    example={"upkeep": "low"},
)
def low_upkeep(facts: Facts) -> Effects | None:
    """With little appetite for upkeep, build little.

    Weights that were tuned, an index or a second model have to be renewed when texts, answers or the base model
    change; a prompt or a count of words is renewed in minutes.

    What to do: choose what one person can rebuild in an afternoon, and write down how.
    """
    if facts.upkeep != "low":
        return None
    because = "You say that upkeep is to be low; weights, indexes and further models have to be renewed and watched."
    return spread(because, 1.0, _LITTLE_UPKEEP)


@rule(
    id="nothing-to-learn-from",
    strength="M",
    source="common practice (a handful of labelled rows neither trains nor tests a model; the band is our line)",
    touches=("no_model",),
    thresholds=(NOTHING_TO_LEARN,),
    example={"rows": 0},
)
def nothing_to_learn_from(facts: Facts) -> Effects | None:
    """With hardly any labelled row nobody knows whether a model is right.

    A model that cannot be tested is a guess. Some tens of rows at least show what a prompt can do.

    What to do: let people answer for a while, and keep their answers; they are the rows.
    """
    rows = facts.rows
    if rows is None or rows >= NOTHING_TO_LEARN.high:
        return None
    return push(
        lambda: f"You have {count(rows, 'labelled row')}; so few teach a model little and test it roughly.",
        1 - NOTHING_TO_LEARN.grade(rows),
        no_model="+M",
    )


@rule(
    id="few-requests-no-model",
    strength="M",
    source="common practice (what is asked a few times a day can be answered by a person; the band is our line)",
    touches=("no_model",),
    thresholds=(FEW_REQUESTS,),
    example={"requests_per_month": 30},
)
def few_requests(facts: Facts) -> Effects | None:
    """For some tens of requests a month, let a person answer.

    Building, testing and watching a model takes days; a few answers a day take minutes, and are better.

    What to do: come back when there are many hundreds of requests a month; the answers given till then are labelled
    rows.
    """
    requests = facts.requests_per_month
    if requests is None or requests >= FEW_REQUESTS.high:
        return None
    return push(
        lambda: f"You expect {count(requests, 'request')} a month, which a person answers in minutes a day.",
        1 - FEW_REQUESTS.grade(requests),
        no_model="+M",
    )


@rule(
    id="person-cheaper-than-model",
    strength="S",
    source="arithmetic: requests a year times the price of one answer by a person, which is what a label costs; the "
    "band of what building and watching a model costs is our line",
    touches=("no_model",),
    thresholds=(BY_HAND, PERSON_A_YEAR),
    example={"requests_per_month": 60, "label_price": 0.5},
)
def person_cheaper(facts: Facts) -> Effects | None:
    """Where a year of answers by people costs less than building a model, pay people.

    A label is an answer, so its price says what people would cost. Few models are built, tested and watched for less
    than some hundreds a year, many take thousands.

    What to do: compare the figure with what a week of your own work costs.
    """
    requests = facts.requests_per_month
    if requests is None or requests >= BY_HAND.high or facts.label_price is None:
        return None
    a_year = 12 * requests * facts.label_price
    return push(
        lambda: (
            f"At {facts.label_price:g} an answer, people answer your {count(requests, 'request')} a month for "
            f"{a_year:,.0f} a year; a model costs more to build and watch up to some thousands."
        ),
        (1 - BY_HAND.grade(requests)) * (1 - PERSON_A_YEAR.grade(a_year)),
        no_model="+S",
    )


@rule(
    id="too-many-requests-for-people",
    strength="S",
    source="arithmetic: a person who takes a minute an answer gives some 10,000 a month; the band is our line",
    touches=("no_model",),
    thresholds=(TOO_MANY,),
    example={"requests_per_month": 3_000_000},
)
def too_many_requests(facts: Facts) -> Effects | None:
    """Where hundreds of thousands of answers a month are asked for, people cannot give them.

    A person who takes a minute an answer gives some ten thousand a month; a hundred people are no alternative to a
    model for most.

    What to do: let a model answer, and people check a sample.
    """
    requests = facts.requests_per_month
    if requests is None or requests <= TOO_MANY.low:
        return None
    return push(
        lambda: f"Your {count(requests, 'request')} a month would take some {count(requests / 10_000, 'person')}.",
        TOO_MANY.grade(requests),
        no_model="-S",
    )


RULES = (no_experience, low_upkeep, nothing_to_learn_from, few_requests, person_cheaper, too_many_requests)
