# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""What the scripts of an artifact hold and need of their target, as it is found out without a server."""

from __future__ import annotations

import hashlib
import typing as t

from ..lazy_dataclass import dataclass
from .statements import Action


@dataclass(frozen=True)
class ScriptTable:
    """The data of one table in a script, or in all files of a folder.

    :param statements: how many INSERT and REPLACE statements.
    :param bytes: their size with delimiters and line ends, as a manifest counts it.
    :param sha256: of those bytes in a script; in a folder of the content of the file with them, where they are in
        several files of these files' digests (32 bytes each), one after the other in the order of the files.
    :param exact: whether each row given must be a row added (no IGNORE, no REPLACE).
    """

    statements: int
    bytes: int
    sha256: str
    exact: bool

    def record(self) -> ScriptTable:
        """Itself, where data stands that is loaded completely, maybe by an earlier run."""
        return self


def joined(parts: t.Sequence[ScriptTable]) -> ScriptTable:
    """The data of one table out of that in each file, in the order of the files."""
    if len(parts) == 1:
        return parts[0]
    digest = hashlib.sha256(b"".join(bytes.fromhex(part.sha256) for part in parts))
    return ScriptTable(
        sum(part.statements for part in parts),
        sum(part.bytes for part in parts),
        digest.hexdigest(),
        all(part.exact for part in parts),
    )


class TableDigest:
    """The data of one table as it passes by.

    :param content: the digest of all of the file that it comes from, which is taken for that of the data; without, the
        statements are digested.
    """

    def __init__(self, content: hashlib._Hash | None = None) -> None:
        self.statements = 0
        self.bytes = 0
        self.exact = True
        self._is_own = content is None
        self._hash = hashlib.sha256() if content is None else content

    def add(self, text: bytes, action: Action, rest: t.Iterable[bytes] | None = None) -> None:
        for _piece in self.through(text, action, rest or ()):
            pass

    def through(self, text: bytes, action: Action, rest: t.Iterable[bytes]) -> t.Iterator[bytes]:
        """The rest of a statement as it passes by; the statement counts once all of it has."""
        own = self._hash if self._is_own else None
        if own is not None:
            own.update(text)
        size = len(text)
        for piece in rest:
            if own is not None:
                own.update(piece)
            size += len(piece)
            yield piece
        if own is not None:
            own.update(b";\n")
        self.bytes += size + 2
        self.statements += 1
        self.exact = self.exact and action.verb != "REPLACE" and not action.ignores

    def record(self) -> ScriptTable:
        """What is known of it; of a file's content once all of it was read."""
        return ScriptTable(self.statements, self.bytes, self._hash.hexdigest(), self.exact)


@dataclass(frozen=True)
class ScriptSummary:
    """What the scripts of an artifact hold and need.

    :param database: the database it was made from; empty where nothing tells it.
    :param objects: kind (in lower case) and name of everything that it creates, in order.
    :param tables: the data, by table name, in order.
    :param files: the data of each file, by the file's path and the table's name; of a single script the path is empty.
    :param rows: how many rows each table has, where the metadata of a folder say so.
    :param references: every foreign key: the table it leads to (in lower case) and the columns it names there.
    :param database_options: character set and collation of the database, as SQL; empty where nothing tells them.
    :param collations: every collation that its definitions name, with an object or statement that does.
    :param charsets: likewise every character set.
    :param engines: likewise every storage engine.
    :param sql_modes: likewise every value of ``sql_mode``, in lower case.
    :param features: likewise what only MariaDB has.
    :param words: likewise every word that seems to be a name in a program and may be reserved, see
        :mod:`.program_words`.
    :param skipped_code: likewise code in comments for some servers only: whether for MariaDB alone, the least version,
        and the code.
    :param source: family and version number of the server that it was made from, where they are known.
    :param definers: likewise every account (user, host) that an object runs as.
    :param largest: the size in bytes of its largest statement, and that one's file and line, for messages.
    :param foreign_references: objects whose definition names the source database itself.
    :param foreign_strings: objects with a string literal that seems to.
    :param databases_named: what may be databases whose objects its views read, in lower case.
    :param left_out: why statements are left out, each reason once.
    :param actions: verb and kind of every statement that is run, each once.
    """

    database: str
    objects: tuple[tuple[str, str], ...]
    tables: t.Mapping[str, ScriptTable]
    files: t.Mapping[str, t.Mapping[str, ScriptTable]]
    rows: t.Mapping[str, int]
    references: frozenset[tuple[str, tuple[str, ...]]]
    database_options: str
    collations: t.Mapping[str, str]
    charsets: t.Mapping[str, str]
    engines: t.Mapping[str, str]
    sql_modes: t.Mapping[str, str]
    features: t.Mapping[str, str]
    words: t.Mapping[str, str]
    skipped_code: t.Mapping[tuple[bool, int, str], str]
    source: tuple[str, int] | None
    definers: t.Mapping[tuple[str, str], str]
    largest: tuple[int, str]
    foreign_references: tuple[str, ...]
    foreign_strings: tuple[str, ...]
    databases_named: frozenset[str]
    left_out: tuple[str, ...]
    actions: frozenset[tuple[str, str]]

    def object_counts(self) -> dict[str, int]:
        """How many objects of each kind, named as in a manifest."""
        counts: dict[str, int] = {}
        for kind, _name in self.objects:
            key = kind.replace(" ", "_")
            counts[key] = counts.get(key, 0) + 1
        return counts

    def names(self, *kinds: str) -> list[str]:
        return [name for kind, name in self.objects if kind in kinds]
