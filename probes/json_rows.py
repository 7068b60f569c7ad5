"""Rows of JSON lines and of JSON arrays, in a stream; rows of a JSON object, read whole."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import cast

from probes.errors import DataError
from probes.opening import RawRow, RowFile, empty_file, place, text_chunks, text_lines

_ROW_REMEDY = 'Each row must be an object like {"text": "…", "label": "…"}; mend it or use --skip-bad-rows.'


def jsonl_rows(file: RowFile) -> Iterator[RawRow]:
    """Yield one row a line; a line that is broken or no object comes with its fault, blank lines are passed over."""
    number = 0
    for line, text in text_lines(file):
        if not text.strip():
            continue
        number += 1
        try:
            value = json.loads(text)
        except (ValueError, RecursionError) as error:
            fault = DataError(f"{place(file.name, number, line)} is broken JSON: {_reason(error)}.", _ROW_REMEDY)
            yield RawRow(number, line, {}, fault)
            continue
        yield _row(file, number, line, value)
    if number == 0:
        raise empty_file(file.name)


def json_rows(file: RowFile) -> Iterator[RawRow]:
    """Yield the rows of a JSON file: an array of objects, an object of rows, columns or splits, or JSON lines."""
    opening = _first_lines(file)
    if opening[0].lstrip()[0] == "[":
        yield from _array_rows(file)
    elif len(opening) > 1 and _is_object(opening[0]):
        yield from jsonl_rows(file)
    else:
        yield from _object_rows(file)


def _first_lines(file: RowFile) -> list[str]:
    """Return the first two lines that aren't blank, the first cut short if it opens an array."""
    found: list[str] = []
    for chunk in text_chunks(file):
        if chunk.lstrip().startswith("["):
            return ["["]
        if chunk.strip():
            break
    for _, text in text_lines(file):
        if text.strip():
            found.append(text)
        if len(found) == 2:
            return found
    if not found:
        raise empty_file(file.name)
    return found


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


def _row(file: RowFile, number: int, line: int | None, value: object) -> RawRow:
    """Make a row of one JSON value, or a fault if it is no object."""
    if isinstance(value, dict):
        return RawRow(number, line, value)
    what = {list: "an array", str: "a string", bool: "true or false", type(None): "null"}.get(type(value), "a number")
    return RawRow(number, line, {}, DataError(f"{place(file.name, number, line)} is {what}, no object.", _ROW_REMEDY))


def _reason(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg[0].lower()}{error.msg[1:]} at column {error.colno}"
    return "nested too deeply" if isinstance(error, RecursionError) else str(error)


class _Cursor:
    """A place in a JSON text that arrives in chunks; keeps only what has not been read yet."""

    def __init__(self, file: RowFile) -> None:
        self.file = file
        self.chunks = text_chunks(file)
        self.buffer = ""
        self.position = 0
        self.line = 1
        self.number = 0
        self.decoder = json.JSONDecoder()

    def more(self) -> bool:
        """Read on until the unread part has doubled; False at the end of the file."""
        unread = self.buffer[self.position :]
        parts = [unread]
        gained = 0
        for chunk in self.chunks:
            parts.append(chunk)
            gained += len(chunk)
            if gained >= max(1, len(unread)):
                break
        self.buffer, self.position = "".join(parts), 0
        return gained > 0

    def peek(self) -> str:
        """Return the next character that is no space, or nothing at the end; stay on it."""
        while True:
            while self.position < len(self.buffer) and self.buffer[self.position] in " \t\r\n":
                self.line += self.buffer[self.position] == "\n"
                self.position += 1
            if self.position < len(self.buffer):
                return self.buffer[self.position]
            if not self.more():
                return ""

    def value(self) -> object:
        """Decode the value that starts here and step behind it."""
        while True:
            try:
                value, end = self.decoder.raw_decode(self.buffer, self.position)
            except (ValueError, RecursionError) as error:
                if self._cut_short(error) and self.more():
                    continue
                raise self.broken(_reason(error) if isinstance(error, RecursionError) else "") from error
            if end == len(self.buffer) and self.more():  # a number may go on in the next chunk
                continue
            self.line += self.buffer.count("\n", self.position, end)
            self.position = end
            return value

    def _cut_short(self, error: Exception) -> bool:
        """Whether the error may come from the end of the buffer and not from the file."""
        if not isinstance(error, json.JSONDecodeError):
            return False
        return error.pos >= len(self.buffer) - 16 or error.msg.startswith("Unterminated string")

    def broken(self, why: str = "") -> DataError:
        """Say that the JSON is broken in or behind the row before."""
        return DataError(
            f"{place(self.file.name, self.number, self.line)}: the JSON is broken" + (f": {why}." if why else "."),
            'Write an array of objects, [{"text": "…", "label": "…"}, …], or JSON lines in a .jsonl file.',
        )


def _array_rows(file: RowFile) -> Iterator[RawRow]:
    """Yield the elements of an array, holding one chunk of it in memory."""
    cursor = _Cursor(file)
    cursor.peek()
    cursor.position += 1  # the bracket
    if cursor.peek() == "]":
        raise DataError(f"{file.name} is an empty array.", "Give labelled rows.")
    while True:
        cursor.number += 1
        cursor.peek()
        line = cursor.line
        yield _row(file, cursor.number, line, cursor.value())
        mark = cursor.peek()
        cursor.position += 1
        if mark == "]":
            break
        if mark != ",":
            raise cursor.broken(
                "the file ends inside the array" if not mark else f"got {mark!r} where , or ] must stand"
            )
    if cursor.peek():
        raise cursor.broken("something follows the array")


def _object_rows(file: RowFile) -> Iterator[RawRow]:
    """Yield the rows of an object, whichever way it holds them."""
    text = "".join(text_chunks(file))
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        line = error.lineno if isinstance(error, json.JSONDecodeError) else 1
        raise DataError(
            f"{file.name}, line {line}: broken JSON: {_reason(error)}.",
            'Write an array of objects, [{"text": "…", "label": "…"}, …], or JSON lines in a .jsonl file.',
        ) from error
    if not isinstance(value, dict) or not value:
        raise DataError(f"{file.name} holds no rows.", 'Give an array of objects, [{"text": "…", "label": "…"}, …].')
    for number, row in enumerate(_unfold(file, value), start=1):
        yield _row(file, number, None, row)


def _unfold(file: RowFile, value: dict[str, object]) -> Iterator[object]:
    """Find the rows in an object: one row, records by key, columns of values, lists of rows by split, or one list."""
    parts = list(value.values())
    if all(isinstance(part, list) for part in parts):
        lists = cast("dict[str, list[object]]", value)
        if all(all(isinstance(row, dict) for row in rows) for rows in lists.values()):
            for split, rows in lists.items():
                for row in cast("list[dict[str, object]]", rows):
                    yield row if len(lists) == 1 else {**row, "split": split}
        elif len({len(rows) for rows in lists.values()}) == 1:
            for cells in zip(*lists.values(), strict=True):
                yield dict(zip(lists, cells, strict=True))
        else:
            raise _shapeless(file)
    elif all(isinstance(part, dict) for part in parts):
        yield from _keyed(cast("dict[str, dict[str, object]]", value))
    elif not any(isinstance(part, dict | list) for part in parts):
        yield value
    else:
        lists_of_rows = [part for part in parts if isinstance(part, list) and part and isinstance(part[0], dict)]
        if len(lists_of_rows) != 1:
            raise _shapeless(file)
        yield from lists_of_rows[0]


def _keyed(value: dict[str, dict[str, object]]) -> Iterator[object]:
    """Yield records by key, or turn columns by key (what pandas writes) into records."""
    inner = next(iter(value.values()))
    same = all(part.keys() == inner.keys() for part in value.values())
    if same and inner and all(key.isdigit() for key in inner) and not all(key.isdigit() for key in value):
        for key in inner:
            yield {column: cells[key] for column, cells in value.items()}
    else:
        yield from value.values()


def _shapeless(file: RowFile) -> DataError:
    return DataError(
        f"{file.name} is a JSON object in which no rows were found.",
        'Write an array of objects, [{"text": "…", "label": "…"}, …], or JSON lines in a .jsonl file.',
    )
