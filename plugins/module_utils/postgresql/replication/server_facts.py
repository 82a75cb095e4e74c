# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""What only an ordinary connection knows of a server that is backed up physically: its size, and whose its files are.

A user who may replicate need not be allowed anything else. What it cannot see then stays unknown, and the backup does
without it.
"""

from __future__ import annotations

import contextlib
import re
import typing as t

from ...errors import ConnectError, NotFoundError, PrivilegeError, QueryError
from ..connection import connect
from ..options import ConnectionOptions
from ..session import Session
from ..wire_messages import is_known_plain

_SIZE = """
    SELECT coalesce(sum(pg_catalog.pg_database_size(oid)), 0)::pg_catalog.int8
    FROM pg_catalog.pg_database WHERE pg_catalog.has_database_privilege(oid, 'CONNECT')
"""
_GSS = """
    SELECT encrypted FROM pg_catalog.pg_stat_gssapi g JOIN pg_catalog.pg_stat_replication r USING (pid)
    WHERE g.pid = $1::pg_catalog.int4
"""
_DATABASES = "SELECT oid, datname, pg_catalog.quote_ident(datname) FROM pg_catalog.pg_database WHERE datallowconn"
# A relation of the database's own tablespace is found by that one's name too.
_RELATION = """
    SELECT c.relkind, pg_catalog.format('%I.%I', n.nspname, c.relname)
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.oid = pg_catalog.pg_filenode_relation($1::pg_catalog.oid, $2::pg_catalog.oid)
"""
_KINDS = {"r": "table", "i": "index", "t": "TOAST table", "m": "materialized view", "S": "sequence"}
_DEFAULT_SPACE, _GLOBAL_SPACE = "1663", "1664"
_PATH = re.compile(
    r"(?:base/(?P<database>[0-9]+)|(?P<shared>global)|pg_tblspc/(?P<space>[0-9]+)/PG_[0-9]+_[0-9]+/(?P<other>[0-9]+))"
    r"/(?P<node>[0-9]+)(?:_[a-z]+)?(?:\.[0-9]+)?"
)
_UNKNOWN = (ConnectError, NotFoundError, PrivilegeError, QueryError)


def estimated_size(options: ConnectionOptions) -> int:
    """How many bytes the server's databases have, 0 where the user cannot see it."""
    try:
        with contextlib.closing(connect(options, database=options.maintenance_database)) as session:
            ((size,),) = session.query(_SIZE)
    except _UNKNOWN:
        return 0
    return int(size or 0)


def is_plain(options: ConnectionOptions, session: Session) -> bool:
    """Whether a replication connection carries the protocol as it is: neither TLS nor GSS around it, for certain.

    :param session: of the replication connection.
    """
    plain = is_known_plain(session)
    if plain is not None:
        return plain
    known = {option.keyword: option.val for option in session.pgconn.info}
    if known.get(b"gssencmode") == b"disable":
        return True
    # A walsender cannot say it itself.
    try:
        with contextlib.closing(connect(options, database=options.maintenance_database)) as other:
            return other.query(_GSS, (str(session.pgconn.backend_pid),)) == [("f",)]
    except _UNKNOWN:
        return False


def with_relations(options: ConnectionOptions, texts: t.Sequence[str]) -> list[str]:
    """Texts that name files of relations, with what those are called, as far as the user can see it.

    :param texts: each with at most one path, anywhere inside.
    """
    wanted = {found.group(): found for found in map(_PATH.search, texts) if found is not None}
    names = _names(options, wanted) if wanted else {}
    told = []
    for text in texts:
        found = _PATH.search(text)
        name = None if found is None else names.get(found.group())
        told.append(text if name is None else f"{text} ({name})")
    return told


def _names(options: ConnectionOptions, wanted: t.Mapping[str, re.Match[str]]) -> dict[str, str]:
    """What relations are called, by the path of their file."""
    names: dict[str, str] = {}
    by_database: dict[str, list[str]] = {}
    for path, found in wanted.items():
        by_database.setdefault(found.group("database") or found.group("other") or "", []).append(path)
    try:
        with contextlib.closing(connect(options, database=options.maintenance_database)) as session:
            databases = {oid: (name or "", quoted) for oid, name, quoted in session.query(_DATABASES)}
            for path in by_database.pop("", ()):
                _look_up(session, path, wanted[path], "", names)
    except _UNKNOWN:
        return names
    for oid, paths in by_database.items():
        if oid not in databases:
            continue
        name, quoted = databases[oid]
        # Which of them can be seen is another question for each database.
        with contextlib.suppress(*_UNKNOWN), contextlib.closing(connect(options, database=name)) as session:
            for path in paths:
                _look_up(session, path, wanted[path], f" of database {quoted}", names)
    return names


def _look_up(session: Session, path: str, found: re.Match[str], where: str, names: dict[str, str]) -> None:
    space = _GLOBAL_SPACE if found.group("shared") else found.group("space") or _DEFAULT_SPACE
    for kind, name in session.query(_RELATION, (space, found.group("node"))):
        names[path] = f"{_KINDS.get(kind or '', 'relation')} {name}{where}"
