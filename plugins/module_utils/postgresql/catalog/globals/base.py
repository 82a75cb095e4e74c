# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""What the kinds of objects that belong to the whole server have in common."""

from __future__ import annotations

import typing as t

from ....lazy_dataclass import dataclass
from ...quoting import escape_literal, identifier
from ...session import Session

#: The role that initdb made; privileges on parameters are granted in its name.
BOOTSTRAP_SUPERUSER_OID = "10"

_LABELS = """
    SELECT classoid, objoid, provider, label FROM pg_catalog.pg_shseclabel
    WHERE classoid IN ('pg_catalog.pg_authid'::regclass, 'pg_catalog.pg_tablespace'::regclass)
    ORDER BY classoid, objoid, provider
"""


@dataclass(frozen=True)
class GlobalObject:
    """One thing that belongs to the whole server: a role, a membership, a tablespace.

    :param name: as it is called in messages.
    """

    name: str

    kind: t.ClassVar[str] = ""

    def statements(self) -> t.Iterator[str]:
        """The statements that make it; each ends with a semicolon and a newline."""
        raise NotImplementedError


class GlobalCatalog:
    """The shared knowledge of one server's globals, read inside one transaction.

    :param session: in a transaction that shows one moment, with an empty ``search_path``.
    :param roles: the catalog that roles are read from: ``pg_authid``, or ``pg_roles``, which has no passwords.
    """

    def __init__(self, session: Session, *, roles: str) -> None:
        self.session = session
        self.version = session.version
        self.roles = f"pg_catalog.{roles}"
        self.has_passwords = roles == "pg_authid"
        #: What could not be written, and why; each is a warning of the backup.
        self.warnings: list[str] = []
        self._labels: dict[tuple[str, str], list[tuple[str, str]]] = {}
        for catalog, oid, provider, label in session.rows(_LABELS):
            self._labels.setdefault((catalog, oid), []).append((provider, label))

    def labels(self, catalog_oid: int, oid: str) -> tuple[tuple[str, str], ...]:
        """An object's security labels: provider and label."""
        return tuple(self._labels.get((str(catalog_oid), oid), ()))


def comment_statement(word: str, name: str, comment: str | None) -> t.Iterator[str]:
    """The comment of an object, where there is one.

    :param word: the kind as COMMENT ON names it.
    """
    if comment is not None:
        yield f"COMMENT ON {word} {identifier(name)} IS {escape_literal(comment)};\n"


def label_statements(word: str, name: str, labels: t.Iterable[tuple[str, str]]) -> t.Iterator[str]:
    """The security labels of an object."""
    for provider, label in labels:
        yield f"SECURITY LABEL FOR {identifier(provider)} ON {word} {identifier(name)} IS {escape_literal(label)};\n"
