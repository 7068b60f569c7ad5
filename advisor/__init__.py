r"""DECIDES: questionnaire, rules, ladder of probes, verdicts, recommendation, config, report and command line.

The Python API is two functions and the types they take and return. They do what the verbs of the same names do.

Examples
--------
>>> import advisor, pathlib, tempfile
>>> rows = pathlib.Path(tempfile.mkdtemp()) / "rows.csv"
>>> text = "".join(f"the printer on floor {i} jams,hardware\nplease reset password {i},account\n" for i in range(30))
>>> _ = rows.write_text("text,label\n" + text)
>>> advice = advisor.recommend(rows)
>>> advice[0].advice[0].reasons[0].source != ""
True
>>> result = advisor.probe(rows, strategies=["baseline"], brief={"target": 0.7}, run=rows.with_name("run"))
>>> result.recommendation.strategy, result.recommendation.verdict.value
('baseline', 'CONFIRMED')
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from advisor.api import probe, recommend
    from advisor.brief import Brief

__all__ = ["Brief", "probe", "recommend"]


def __getattr__(name: str) -> object:
    # Loaded when first used, so that the command line starts in a fraction of a second.
    if name in {"probe", "recommend"}:
        from advisor import api

        return getattr(api, name)
    if name == "Brief":
        from advisor.brief import Brief

        return Brief
    raise AttributeError(f"module 'advisor' has no attribute {name!r}")
