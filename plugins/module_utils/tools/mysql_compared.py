# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""A script of MySQL or MariaDB as a side of a comparison, whoever wrote it: values are compared, not how they are
spelled."""

from __future__ import annotations

import hashlib
import re
import typing as t

from ..comparison import ObjectName, Table, TableName, Take
from ..errors import CorruptArtifactError
from ..interfaces import ArtifactReader
from ..mysql.compared import script_objects
from ..mysql.script_files import Scripts
from ..progress import Progress
from .mysql_contents import data_statements, rows_of

_MODULUS = 1 << 256
_VALUE = re.compile(
    rb"\s*(?:(?:_\w+\s*)?'((?:[^'\\]|\\.|'')*)'|(?:_(\w+)\s*)?0[xX]([0-9A-Fa-f]*)|[xX]'([0-9A-Fa-f]*)'|b'([01]*)'|"
    rb"([^,()']+(?:\([^()]*\))?))\s*(?:,|\Z)",
    re.DOTALL,
)
_ESCAPE = re.compile(rb"\\(.)|''", re.DOTALL)
#: Python's names for the servers' character sets, where they differ.
_CODECS = {
    "latin1": "cp1252", "sjis": "shift_jis", "ujis": "euc_jp", "ucs2": "utf-16-be", "utf16": "utf-16-be",
    "utf32": "utf-32-be", "utf8mb3": "utf-8", "utf8mb4": "utf-8",
}  # fmt: skip
_MEANT = {b"0": b"\0", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"Z": b"\x1a"}


class ScriptSide:
    """A script; see :class:`..comparison.Side`."""

    def __init__(self, artifact: ArtifactReader, description: str, progress: Progress) -> None:
        self.description = description
        self._artifact = artifact
        self._progress = progress
        self._digests: dict[str, tuple[int, int]] | None = None

    def objects(self) -> t.Mapping[ObjectName, str]:
        return script_objects(Scripts(self._artifact))

    def tables(self) -> t.Mapping[TableName, Table]:
        return {("", name): Table(()) for kind, _schema, name in self.objects() if kind == "TABLE"}

    def digest(self, table: TableName, columns: t.Sequence[str]) -> tuple[int, int]:
        if self._digests is None:
            found: dict[str, tuple[int, int]] = {}
            for name, statement in data_statements(self._artifact):
                rows, total = found.get(name, (0, 0))
                try:
                    for row in rows_of(statement):
                        rows += 1
                        total += int.from_bytes(hashlib.sha256(canonical_row(row)).digest(), "big")
                except ValueError as error:
                    raise CorruptArtifactError(f"the rows of {name} in {self.description}: {error}") from error
                found[name] = rows, total % _MODULUS
                self._progress.advance(len(statement))
            self._digests = found
        return self._digests.get(table[1], (0, 0))

    def rows(self, table: TableName, columns: t.Sequence[str], key: t.Sequence[str], take: Take) -> None:
        """No key is known."""

    def close(self) -> None:
        """Nothing is held."""


def canonical_row(row: bytes) -> bytes:
    """A row, from one parenthesis to the other, in the one form that all ways of writing the same values have.

    Each value is the bytes that it stands for, or the text of a number or a name, with its length before it.

    :raises ValueError: it is of another form.
    """
    inner = row[1:-1]
    parts: list[bytes] = []
    position = 0
    while position < len(inner):
        match = _VALUE.match(inner, position)
        if match is None:
            raise ValueError("a value is not of a known form")
        value = _meant(match)
        parts.append(b"%d:%b" % (len(value), value))
        position = match.end()
    return b",".join(parts)


def _meant(match: re.Match[bytes]) -> bytes:
    text, charset, digits, other_digits, bits, plain = match.groups()
    if text is not None:
        return b"'" + _ESCAPE.sub(lambda found: _MEANT.get(found[1], found[1]) if found[1] else b"'", text)
    if bits is not None:
        return b"'" + int(bits or b"0", 2).to_bytes(max(1, (len(bits) + 7) // 8), "big")
    if plain is not None:
        return t.cast(bytes, plain).strip()
    hexadecimal = (digits or other_digits or b"").decode()
    value = bytes.fromhex(hexadecimal if len(hexadecimal) % 2 == 0 else f"0{hexadecimal}")
    return b"'" + _in_utf8(value, (charset or b"").decode())


def _in_utf8(value: bytes, charset: str) -> bytes:
    """Text of a character set whose signs the native engine spells by their bytes, as all other text is."""
    try:
        return value.decode(_CODECS.get(charset, charset)).encode() if charset not in ("", "binary") else value
    except (LookupError, UnicodeDecodeError):
        return value
