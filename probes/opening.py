"""Opening a file of rows: what it claims to be, how it is packed, and its text, decoded with an eye on the line."""

from __future__ import annotations

import codecs
import contextlib
import difflib
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal, cast

from probes.errors import DataError

Format = Literal["csv", "tsv", "json", "jsonl", "parquet"]
Packing = Literal["gz", "bz2", "xz", "zst"]

FORMATS: dict[str, Format] = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
    ".pq": "parquet",
}
PACKINGS: dict[str, Packing] = {".gz": "gz", ".bz2": "bz2", ".xz": "xz", ".zst": "zst"}
ALLOWED = ".csv, .tsv, .json, .jsonl, .ndjson or .parquet, each also with .gz, .bz2, .xz or .zst after it"

_MAGIC: tuple[tuple[bytes, str, str], ...] = (
    (b"PK\x03\x04", "a zip archive or an Excel workbook", "Unpack it, or save the sheet as CSV (UTF-8)."),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook", "Save the sheet as CSV (UTF-8)."),
    (b"\x1f\x8b", "a gzip file", "Add .gz to its name."),
    (b"BZh", "a bzip2 file", "Add .bz2 to its name."),
    (b"\xfd7zXZ\x00", "an xz file", "Add .xz to its name."),
    (b"\x28\xb5\x2f\xfd", "a zstandard file", "Add .zst to its name."),
    (b"PAR1", "a Parquet file", "Rename it to .parquet."),
    (b"SQLite format 3", "a SQLite database", "Export the table with the rows as CSV."),
    (b"%PDF", "a PDF", "Give the rows as CSV or JSON lines."),
)
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class RowFile:
    """A file of rows: where it lies, the format its name claims, and how it is packed."""

    path: Path
    format: Format
    packing: Packing | None

    @property
    def name(self) -> str:
        """What the user called it, for messages."""
        return str(self.path)


@dataclass(frozen=True, slots=True)
class RawRow:
    """One row as the file has it; `fault` says why it could not be read, where it could not."""

    number: int
    """1-based number of the data row; blank lines and the header don't count."""
    line: int | None
    """1-based line on which the row starts, for text formats."""
    values: dict[str, object]
    """Column name to value; empty where there is a fault."""
    fault: DataError | None = None
    """Why the row is unreadable: raised by whoever reads, unless the user asked to skip bad rows."""


def place(source: str, number: int, line: int | None = None) -> str:
    """Name a row for a message.

    Examples
    --------
    >>> place("rows.csv", 7, 9)
    'rows.csv, row 7 (line 9)'
    """
    return f"{source}, row {number}" + (f" (line {line})" if line is not None else "")


def row_file(path: Path) -> RowFile:
    """Tell from its name what a file holds.

    Examples
    --------
    >>> row_file(Path("rows.jsonl.gz")).format, row_file(Path("rows.jsonl.gz")).packing
    ('jsonl', 'gz')
    """
    suffixes = [suffix.lower() for suffix in path.suffixes]
    packing = PACKINGS.get(suffixes[-1]) if suffixes else None
    if packing:
        suffixes.pop()
    if not suffixes or suffixes[-1] not in FORMATS:
        found = suffixes[-1] if suffixes else "no extension"
        raise DataError(f"{path} has {found}: not a kind of file this reads.", f"Allowed: {ALLOWED}.")
    return RowFile(path, FORMATS[suffixes[-1]], packing)


def missing_file(path: Path) -> DataError:
    """Say that a file is not there, with the names nearest to it in its folder."""
    if not path.parent.is_dir():
        return DataError(f"{path} does not exist: nor does the folder {path.parent}.", "Check the path.")
    return DataError(f"{path} does not exist.", near_files(path) or "Check the path.")


def near_files(path: Path) -> str:
    """Ask whether the user meant a file beside a path that isn't there; empty if there is none like it."""
    try:
        entries = [
            entry.name for entry in path.parent.iterdir() if FORMATS.keys() & {s.lower() for s in entry.suffixes}
        ]
    except OSError:
        return ""
    by_fold = {name.casefold(): name for name in entries}
    near = difflib.get_close_matches(path.name.casefold(), by_fold, n=3, cutoff=0.6)
    same_stem = [name for name in by_fold if name.startswith(f"{path.name.casefold()}.")]
    names = [str(path.parent / by_fold[name]) for name in dict.fromkeys([*same_stem, *near])]
    return f"Did you mean {' or '.join(names[:3])}?" if names else ""


@contextlib.contextmanager
def unpacked(file: RowFile) -> Iterator[BinaryIO]:
    """Open a file's bytes behind its packing; what is wrong with either becomes a message."""
    import lzma
    import zlib

    damaged = (EOFError, zlib.error, lzma.LZMAError, OSError)
    try:
        with contextlib.ExitStack() as stack:
            yield _open(file, stack)
    except PermissionError as error:
        raise DataError(f"{file.name} may not be read: permission denied.", f"Try: chmod u+r {file.name}") from error
    except damaged as error:
        if file.packing is None:
            raise DataError(f"{file.name} could not be read: {error}.", "Check the disk and the path.") from error
        raise DataError(
            f"{file.name} is damaged or not {file.packing}: {error}.",
            f"Copy or download it again, or drop .{file.packing} from its name if it is not packed.",
        ) from error


def _open(file: RowFile, stack: contextlib.ExitStack) -> BinaryIO:
    """Open the bytes with the library that reads this packing."""
    if file.path.stat().st_size == 0:
        raise empty_file(file.name)
    if file.packing == "gz":
        import gzip

        return cast("BinaryIO", stack.enter_context(gzip.open(file.path, "rb")))
    if file.packing == "bz2":
        import bz2

        return cast("BinaryIO", stack.enter_context(bz2.open(file.path, "rb")))
    if file.packing == "xz":
        import lzma

        return cast("BinaryIO", stack.enter_context(lzma.open(file.path, "rb")))
    if file.packing == "zst":
        import pyarrow as pa

        raw = stack.enter_context(pa.OSFile(str(file.path), "rb"))
        stream = stack.enter_context(pa.CompressedInputStream(raw, "zstd"))
        return cast("BinaryIO", stack.enter_context(io.BufferedReader(stream, _CHUNK)))
    return stack.enter_context(file.path.open("rb"))


def empty_file(name: str) -> DataError:
    """Say that there is nothing in a file."""
    return DataError(f"{name} is empty.", "Give a file with labelled rows.")


def text_lines(file: RowFile) -> Iterator[tuple[int, str]]:
    """Yield 1-based line numbers and lines, line ends kept, of a UTF-8 file with or without a byte order mark."""
    with unpacked(file) as stream:
        for number, raw in enumerate(stream, start=1):
            if number == 1:
                _refuse_binary(file, raw)
            try:
                yield number, raw.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                raise _wrong_encoding(file, number, raw, error.start) from error


def text_chunks(file: RowFile) -> Iterator[str]:
    """Yield the text in pieces of about a mebibyte, for formats whose lines may be endless."""
    decoder = codecs.getincrementaldecoder("utf-8-sig")()
    lines = 1
    with unpacked(file) as stream:
        first = True
        while raw := stream.read(_CHUNK):
            if first:
                _refuse_binary(file, raw)
                first = False
            try:
                yield decoder.decode(raw)
            except UnicodeDecodeError as error:
                # `start` counts from what the decoder held back of the chunk before, so it is used for the line only.
                line = lines + error.object[: error.start].count(b"\n")
                raise _wrong_encoding(file, line, error.object, error.start) from error
            lines += raw.count(b"\n")
        try:
            decoder.decode(b"", final=True)
        except UnicodeDecodeError as error:
            raise _wrong_encoding(file, lines, error.object, error.start) from error


def _refuse_binary(file: RowFile, head: bytes) -> None:
    """Raise if the first bytes are not those of a UTF-8 text."""
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise DataError(
            f"{file.name} is UTF-16, not UTF-8 (line 1).",
            f"Convert it: iconv -f UTF-16 -t UTF-8 {file.name} > utf8-{file.path.name}",
        )
    for magic, what, remedy in _MAGIC:
        if head.startswith(magic):
            raise DataError(f"{file.name} is {what}, not {file.format} as its name says.", remedy)
    if b"\x00" in head[:8192]:
        raise DataError(
            f"{file.name} holds binary data, not {file.format} as its name says.", f"Give a text file: {ALLOWED}."
        )


def _wrong_encoding(file: RowFile, line: int, raw: bytes, start: int) -> DataError:
    """Say which byte on which line is not UTF-8 and how to convert the file."""
    return DataError(
        f"{file.name}, line {line}: byte 0x{raw[start]:02x} is not UTF-8.",
        "Save it as UTF-8. If it came from Windows or Excel: "
        f"iconv -f WINDOWS-1252 -t UTF-8 {file.name} > utf8-{file.path.name}",
    )
