"""Conditions of a team's own rules: an expression over facts, checked when it is read, evaluated without `eval`."""

from __future__ import annotations

import ast
import difflib
import itertools
import operator
import threading
import types
import typing
import warnings
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

from pydantic import BaseModel

from advisor.facts import Facts

LONGEST = 1_000
"""Characters of a condition; more is a program, not a condition."""
GRAMMAR = "A condition may use facts, numbers, texts in quotes, lists, comparisons, in, and, or, not and + - * / // %."

_Operation = Callable[[Any, Any], Any]


def _of_numbers(operation: _Operation) -> _Operation:
    """Keep arithmetic to numbers: a text times a number, or formatted by %, could fill the memory."""

    def apply(left: object, right: object) -> object:
        if not (isinstance(left, int | float) and isinstance(right, int | float)):
            raise TypeError("arithmetic takes numbers")
        return operation(left, right)

    return apply


def _equal(left: object, right: object) -> bool:
    """Compare; a list written in brackets is one in parentheses."""
    return (list(left) if isinstance(left, tuple) else left) == (list(right) if isinstance(right, tuple) else right)


_OPERATORS: dict[type[ast.AST], Callable[..., Any]] = {
    ast.Add: _of_numbers(operator.add),
    ast.Sub: _of_numbers(operator.sub),
    ast.Mult: _of_numbers(operator.mul),
    ast.Div: _of_numbers(operator.truediv),
    ast.FloorDiv: _of_numbers(operator.floordiv),
    ast.Mod: _of_numbers(operator.mod),
    ast.USub: operator.neg,
    ast.Not: operator.not_,
    ast.Eq: _equal,
    ast.NotEq: lambda left, right: not _equal(left, right),
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.In: lambda left, right: left in right,
    ast.NotIn: lambda left, right: left not in right,
}
_ALLOWED = (
    *(ast.BoolOp, ast.And, ast.Or, ast.UnaryOp, ast.BinOp, ast.Compare),
    *(ast.Name, ast.Load, ast.Constant, ast.Tuple, ast.List),
    *_OPERATORS,
)
_SPELLED = {"true": True, "false": False, "null": None}
"""Constants as YAML spells them."""
_REFUSED = {
    ast.Call: "calls a function",
    ast.Attribute: "uses an attribute",
    ast.Subscript: "uses an index",
    ast.Lambda: "defines a function",
    ast.NamedExpr: "assigns a value",
    ast.JoinedStr: "formats a text",
    ast.Pow: "uses **",
}


class ConditionError(ValueError):
    """A condition that cannot be used: what is wrong, and what to do."""

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(what)
        self.what = what
        self.remedy = remedy


class _NotKnown(Exception):  # noqa: N818 - no error: the condition waits for a fact
    """A fact was read that is not known."""


@cache
def fact_types() -> dict[str, Any]:
    """Return the type of every fact by name: the fields, and the documented properties worked out from them."""
    found = {name: field.annotation for name, field in Facts.model_fields.items()}
    for kind in Facts.__mro__:
        if kind is BaseModel:
            break
        for name, member in vars(kind).items():
            if isinstance(member, property) and member.__doc__ and not name.startswith("_"):
                found[name] = typing.get_type_hints(member.fget)["return"]
    return found


def meant(word: str, known: Iterable[str]) -> str:
    """Name the known word that a typo may have meant, as the opening of a remedy.

    Examples
    --------
    >>> meant("row", fact_types()), meant("zzz", fact_types())
    ("Did you mean 'rows'? ", '')
    """
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"Did you mean {close[0]!r}? " if close else ""


class Condition:
    """An expression over facts.

    Parameters
    ----------
    text : str

    Raises
    ------
    ConditionError
        When it is no such expression, names what is no fact, or compares what cannot be compared.

    Examples
    --------
    >>> condition = Condition("rows >= 5_000 and task in ('extraction', 'code')")
    >>> condition.holds(Facts(rows=9_000, task="code")), condition.holds(Facts(rows=9_000))
    (True, False)
    >>> condition.holds(Facts(task="code")) is None  # the rows are not known
    True
    """

    def __init__(self, text: str) -> None:
        from simpleeval import EvalWithCompoundTypes

        self.text = text
        self._tree = _parsed(text)
        _check(self._tree)
        self._evaluator = EvalWithCompoundTypes(operators=_OPERATORS, functions={}, names={})
        self._evaluator.functions = {}  # its constructor adds list, set and others
        self._lock = threading.Lock()
        self._try_out()

    def holds(self, facts: Facts) -> bool | None:
        """Say whether the condition holds; None where that hangs on a fact that is not known.

        Read as Python does, from left to right: what the known facts before it decide waits for no other.
        """

        def read(node: ast.Name) -> object:
            value = getattr(facts, node.id)
            if value is None or value == ():
                raise _NotKnown
            return value

        try:
            return bool(self._evaluate(self._tree, read))
        except (_NotKnown, ArithmeticError):  # a division by a fact that is 0 tells nothing either
            return None

    def _evaluate(self, node: ast.expr, read: Callable[[ast.Name], object]) -> object:
        with self._lock:  # the evaluator keeps its names as state
            self._evaluator.names = read
            return self._evaluator.eval(self.text, previously_parsed=node)

    def _try_out(self) -> None:
        """Evaluate every part by itself on values of the right types: mistakes show when the file is read."""
        for node in ast.walk(self._tree):
            if isinstance(node, ast.Compare | ast.BinOp | ast.UnaryOp):
                try:
                    self._tried(node)
                    if isinstance(node, ast.Compare):
                        self._check_kinds(node)
                except TypeError:
                    raise ConditionError(
                        f"cannot work out {ast.unparse(node)}: its sides are of different kinds",
                        "Compare numbers with numbers, and texts with texts in quotes; of a fact that is true or "
                        "false, write `data_may_leave` or `not data_may_leave`.",
                    ) from None
                except ArithmeticError:
                    continue
                except RecursionError:
                    raise ConditionError("is nested too deeply", "Write two rules instead of one.") from None

    def _tried(self, node: ast.expr) -> object:
        """Evaluate a part on values of the right types."""
        return self._evaluate(node, lambda name: _sample(fact_types()[name.id]))

    def _check_kinds(self, node: ast.Compare) -> None:
        """Refuse to ask whether two things are equal that never are: a text and a number, say."""
        sides = [self._tried(side) for side in (node.left, *node.comparators)]
        for asked, (left, right) in zip(node.ops, itertools.pairwise(sides), strict=True):
            among = [right]
            if isinstance(asked, ast.In | ast.NotIn) and isinstance(right, list | tuple):
                among = list(right)
            if not among:
                raise ConditionError(f"looks in an empty list: {ast.unparse(node)}", "Write what may stand there.")
            if any(_kind(left) != _kind(one) for one in among):
                raise TypeError


def _kind(value: object) -> str:
    """Return what values may be compared with this one."""
    kinds = {bool: "truth", int: "number", float: "number", str: "text"}
    return kinds.get(type(value), "list")


def _parsed(text: str) -> ast.expr:
    if len(text) > LONGEST:
        raise ConditionError(f"has {len(text):,} characters", f"At most {LONGEST:,}; write two rules instead of one.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about odd escapes in texts
            return _spelled(ast.parse(text.strip(), mode="eval")).body
    except SyntaxError as error:
        raise ConditionError(f"is no expression: {error.msg}", GRAMMAR) from None
    except (ValueError, RecursionError, MemoryError):
        raise ConditionError("is no expression", GRAMMAR) from None


def _spelled(tree: ast.Expression) -> ast.Expression:
    """Read true, false and null as YAML does."""

    def read(part: object) -> object:
        return ast.Constant(_SPELLED[part.id]) if isinstance(part, ast.Name) and part.id in _SPELLED else part

    for node in ast.walk(tree):
        for name, value in ast.iter_fields(node):
            setattr(node, name, [read(part) for part in value] if isinstance(value, list) else read(value))
    return tree


def _check(tree: ast.expr) -> None:
    """Refuse everything but comparisons and arithmetic over facts and constants."""
    facts = fact_types()
    try:
        nodes = list(ast.walk(tree))
    except RecursionError:
        raise ConditionError("is nested too deeply", "Write two rules instead of one.") from None
    for node in nodes:  # what it does before what it names: `__import__('os')` is a call, then an unknown fact
        if not isinstance(node, _ALLOWED):
            done = _REFUSED.get(type(node), f"uses {type(node).__name__}")
            shown = f": {ast.unparse(node)}" if isinstance(node, ast.expr) else ""
            raise ConditionError(f"{done}{shown}", f"{GRAMMAR} It calls no functions and uses no attributes.")
        if isinstance(node, ast.Constant) and type(node.value) not in (bool, int, float, str):
            raise ConditionError(
                f"uses {node.value!r}",
                "A rule is silent where a fact it needs is not known; there is nothing to compare."
                if node.value is None
                else GRAMMAR,
            )
    for node in nodes:
        if isinstance(node, ast.Name) and node.id not in facts:
            raise ConditionError(
                f"names {node.id!r}, which is no fact",
                "Write true or false, or the fact alone: `data_may_leave`, `not data_may_leave`."
                if node.id.lower() in ("yes", "no", "on", "off", *_SPELLED)
                else f"{meant(node.id, facts)}Facts: {', '.join(sorted(facts))}.",
            )
    constants = [type(node.value) for node in nodes if isinstance(node, ast.Constant)]
    if not _facts_in(nodes) and set(constants) != {bool}:
        raise ConditionError(
            f"names no fact: {ast.unparse(tree)}",
            "Write facts without quotes, for example `when: rows < 500`; `when: true` holds always.",
        )
    for node in nodes:
        if isinstance(node, ast.Compare):
            _check_choices(node)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div | ast.FloorDiv | ast.Mod):
            _check_divisor(node)


def _facts_in(nodes: Iterable[ast.AST]) -> bool:
    return any(isinstance(node, ast.Name) for node in nodes)


def _check_divisor(node: ast.BinOp) -> None:
    """Refuse a division by zero that stands there: such a condition never holds."""
    divisor: ast.expr = node.right
    while isinstance(divisor, ast.UnaryOp):
        divisor = divisor.operand
    if isinstance(divisor, ast.Constant) and divisor.value == 0:
        raise ConditionError(f"divides by zero: {ast.unparse(node)}", "Divide by a fact, or by another number.")


def _check_choices(node: ast.Compare) -> None:
    """Refuse a comparison with a word that the fact can never be."""
    sides = [node.left, *node.comparators]
    for name in (side for side in sides if isinstance(side, ast.Name)):
        choices = [c for kind in _alternatives(fact_types()[name.id]) for c in _literals(kind)]
        words = [
            part.value
            for side in sides
            for part in (side.elts if isinstance(side, ast.Tuple | ast.List) else [side])
            if isinstance(part, ast.Constant) and isinstance(part.value, str)
        ]
        for word in words:
            if choices and word not in choices:
                raise ConditionError(
                    f"compares {name.id} with {word!r}, which it never is",
                    f"{meant(word, choices)}Values of {name.id}: {', '.join(choices)}.",
                )


def _alternatives(kind: Any) -> list[Any]:
    """Return the types a value may have, None and annotations left out."""
    origin = typing.get_origin(kind)
    if origin in (typing.Union, types.UnionType):
        return [inner for part in typing.get_args(kind) for inner in _alternatives(part)]
    if origin is typing.Annotated:
        return _alternatives(typing.get_args(kind)[0])
    return [] if kind is type(None) else [kind]


def _literals(kind: Any) -> list[str]:
    return list(typing.get_args(kind)) if typing.get_origin(kind) is typing.Literal else []


def _sample(kind: Any) -> object:
    """Return a value of this type."""
    kind = _alternatives(kind)[0]
    if choices := _literals(kind):
        return choices[0]
    if typing.get_origin(kind) is tuple:
        return ("en",)
    samples: dict[Any, object] = {bool: True, int: 7, float: 0.7, str: "en"}
    return samples[kind]
