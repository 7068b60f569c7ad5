"""Rows of CSV, TSV and Parquet files, in a stream."""

from __future__ import annotations

import csv
import itertools
import json
from collections.abc import Collection, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from probes.errors import DataError
from probes.opening import RawRow, RowFile, empty_file, place, text_lines, unpacked

if TYPE_CHECKING:
    import pyarrow as pa

_SAMPLE_CHARACTERS = 1 << 20
_BATCH = 1024


def csv_rows(file: RowFile) -> Iterator[RawRow]:
    """Yield the rows of a CSV or TSV file; a row whose number of fields is wrong comes with its fault.

    CSV may be parted by commas, semicolons or tabs, whichever the header has most of. TSV is read with quotes as in CSV
    or with quotes as plain characters, whichever makes more of its first rows whole.
    """
    # The limit of 131,072 characters a field is the csv module's own and says nothing about the file.
    csv.field_size_limit(2**31 - 1)
    delimiter, quoting = _dialect(file)
    lines = text_lines(file)
    reader = csv.reader((line for _, line in lines), delimiter=delimiter, quoting=quoting, strict=True)
    header = _header(file, reader)
    number = 0
    while True:
        line = reader.line_num + 1
        try:
            fields = next(reader)
        except StopIteration:
            break
        except csv.Error as error:
            number += 1
            fault = _broken_csv(file, number, line, error)
            if "unexpected end" in str(error):  # the open quote took the rest of the file with it
                raise fault from error
            yield RawRow(number, line, {}, fault)
            continue
        if not fields or (len(header) > 1 and fields == [""]):
            continue
        number += 1
        if len(fields) == len(header):
            yield RawRow(number, line, dict(zip(header, fields, strict=True)))
        else:
            yield RawRow(number, line, {}, _wrong_width(file, number, line, len(fields), len(header)))
    if number == 0:
        raise DataError(f"{file.name} has a header but no rows.", "Add at least a few labelled rows for each class.")


def _header(file: RowFile, reader: Iterator[list[str]]) -> list[str]:
    """Read and check the column names."""
    try:
        names = next((fields for fields in reader if any(field.strip() for field in fields)), None)
    except csv.Error as error:
        raise _broken_csv(file, 0, 1, error) from error
    if names is None:
        raise empty_file(file.name)
    # Spreadsheets leave nameless columns behind; a name made of their place keeps them apart.
    header = [name.strip() or f"column {place}" for place, name in enumerate(names, start=1)]
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise DataError(
            f"{file.name} names the column {', '.join(map(repr, twice))} more than once in its header.",
            "Rename or remove one of them.",
        )
    return header


def _dialect(file: RowFile) -> tuple[str, Any]:
    """Choose the delimiter, and whether quotes quote, from the first mebibyte."""
    sample: list[str] = []
    size = 0
    for _, line in text_lines(file):
        sample.append(line)
        size += len(line)
        if size > _SAMPLE_CHARACTERS:
            break
    header = next((line for line in sample if line.strip()), None)
    if header is None:
        raise empty_file(file.name)
    if file.format == "csv":
        return max(",;\t", key=header.count), csv.QUOTE_MINIMAL
    quoted, plain = (_whole_rows(sample, quoting) for quoting in (csv.QUOTE_MINIMAL, csv.QUOTE_NONE))
    return "\t", csv.QUOTE_MINIMAL if quoted >= plain else csv.QUOTE_NONE


def _whole_rows(sample: Iterable[str], quoting: Any) -> int:
    """Count the sample's rows that have as many fields as its first."""
    reader = csv.reader(iter(sample), delimiter="\t", quoting=quoting, strict=True)
    whole, width = 0, None
    while True:
        try:
            fields = next(reader)
        except StopIteration:
            return whole
        except csv.Error:
            continue
        width = len(fields) if width is None else width
        whole += len(fields) == width


def _broken_csv(file: RowFile, number: int, line: int, error: csv.Error) -> DataError:
    where = place(file.name, number, line) if number else f"{file.name}, line {line}"
    if "unexpected end" in str(error):
        return DataError(
            f"{where}: a quoted field opens here and never closes.", 'Close it with ", or write "" for a quote.'
        )
    return DataError(
        f"{where} is not valid {file.format.upper()}: {error}.",
        'Put fields that hold quotes between quotes and write each quote inside as "", or leave the row out with '
        "--skip-bad-rows.",
    )


def _wrong_width(file: RowFile, number: int, line: int, got: int, wanted: int) -> DataError:
    fields = f"{got} field" + ("s" if got != 1 else "")
    return DataError(
        f"{place(file.name, number, line)} has {fields}, but the header names {wanted}.",
        "Put quotes around fields that hold the delimiter or a line break, or leave the row out with --skip-bad-rows.",
    )


def parquet_rows(file: RowFile, only: Collection[str] | None = None) -> Iterator[RawRow]:
    """Yield the rows of a Parquet file batch by batch, integer classes of `datasets` under their names."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with unpacked(file) as stream:
        # A packed Parquet file can't be sought in, so it is read whole; a bare one is read row group by row group.
        handle = pa.BufferReader(stream.read()) if file.packing else stream
        try:
            table = pq.ParquetFile(handle)
            twice = sorted({name for name in table.schema_arrow.names if table.schema_arrow.names.count(name) > 1})
            if twice:
                raise DataError(f"{file.name} names the column {twice[0]!r} more than once.", "Rename one of them.")
            columns = None if only is None else [name for name in table.schema_arrow.names if name in only]
            names = class_names(table.schema_arrow)
            batches = table.iter_batches(batch_size=_BATCH, columns=columns)
            yield from arrow_rows(batches, names, itertools.count(1))
        except pa.ArrowException as error:
            raise DataError(
                f"{file.name} is not a whole Parquet file: {error}.", "Write or download it again."
            ) from error
    if table.metadata.num_rows == 0:
        raise DataError(f"{file.name} has columns but no rows.", "Add at least a few labelled rows for each class.")


def class_names(schema: pa.Schema) -> dict[str, list[str]]:
    """Read from a schema that `datasets` wrote which integer columns are classes, and their names."""
    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
        return {
            column: [str(name) for name in feature["names"]]
            for column, feature in features.items()
            if isinstance(feature, dict) and feature.get("_type") == "ClassLabel" and feature.get("names")
        }
    except (KeyError, TypeError, ValueError):
        return {}


def arrow_rows(
    batches: Iterable[Any], names: dict[str, list[str]], numbers: Iterator[int], extra: dict[str, object] | None = None
) -> Iterator[RawRow]:
    """Yield the rows of Arrow batches or tables, with integer classes under their names and `extra` values added."""
    for batch in batches:
        for values in batch.to_pylist():
            for column, labels in names.items():
                index = values.get(column)
                if isinstance(index, int):  # −1 is how `datasets` writes "no label"
                    values[column] = labels[index] if 0 <= index < len(labels) else None
            if extra:
                values.update(extra)
            yield RawRow(next(numbers), None, values)
