# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The session that a logged statement ran in, out of the status variables of its event, as SET statements.

The keys and widths are those of MySQL to 9.x and MariaDB to 11.8. A key that is not known has no known length, so
nothing behind it can be read: that is an error.
"""

from __future__ import annotations

import typing as t

from ..quoting import literal
from .body import BodyReader
from .query_event import Query

_FLAGS2, _SQL_MODE, _CATALOG_OLD, _AUTO_INCREMENT, _CHARSET, _TIME_ZONE, _CATALOG = range(7)
_LC_TIME, _DATABASE_CHARSET, _MAP_FOR_UPDATE, _DATA_WRITTEN, _INVOKER, _UPDATED_DATABASES, _MICROSECONDS = range(7, 14)
_EXPLICIT_DEFAULTS, _DDL_XID, _UTF8MB4_COLLATION, _REQUIRE_KEY, _TABLE_ENCRYPTION = range(16, 21)
_HRNOW, _XID, _GTID_FLAGS, _COLLATIONS = range(128, 132)
#: One byte with the rows' statements of MySQL 9.7, of which mysqlbinlog makes no SET statement either.
_OF_9_7 = 21
#: More databases than the event names.
_TOO_MANY = 254

_AUTO_IS_NULL, _NO_FOREIGN_KEYS, _RELAXED_UNIQUE = 1 << 14, 1 << 26, 1 << 27
#: MariaDB's own, as 10.5 to 11.8 write them.
_MARIADB_FLAGS = {
    "explicit_defaults_for_timestamp": 1 << 24,
    "sql_if_exists": 1 << 28,
    "system_versioning_insert_history": 1 << 30,
}
#: Of MariaDB's ALTER TABLE in two phases: its beginning, its success, its failure.
_START_ALTER, _COMMIT_ALTER, _ROLLBACK_ALTER = 2, 4, 8
#: The variables whose value is all of a key's.
_SINGLE = {
    _SQL_MODE: "sql_mode",
    _LC_TIME: "lc_time_names",
    _DATABASE_CHARSET: "collation_database",
    _EXPLICIT_DEFAULTS: "explicit_defaults_for_timestamp",
    _UTF8MB4_COLLATION: "default_collation_for_utf8mb4",
    _REQUIRE_KEY: "sql_require_primary_key",
    _TABLE_ENCRYPTION: "default_table_encryption",
}
#: Those that share one, two bytes each.
_SHORTS = {
    _AUTO_INCREMENT: ("auto_increment_increment", "auto_increment_offset"),
    _CHARSET: ("character_set_client", "collation_connection", "collation_server"),
}
_FIXED = {
    _MAP_FOR_UPDATE: 8,
    _DATA_WRITTEN: 4,
    _DDL_XID: 8,
    _XID: 8,
    _OF_9_7: 1,
}


def session_assignments(query: Query, what: str, *, mariadb: bool) -> dict[str, str]:
    """The session variables that the statement ran with: name to an expression in SQL.

    The time is not among them; see :func:`microseconds`.

    :param mariadb: the event is MariaDB's.

    :raises CorruptArtifactError: the status variables cannot be read.
    """
    found: dict[str, str] = {}
    for key, value in _status(query.status, what):
        number = int.from_bytes(value, "little")
        if key in _SINGLE:
            found[_SINGLE[key]] = str(number)
        elif key in _SHORTS:
            for index, name in enumerate(_SHORTS[key]):
                found[name] = str(int.from_bytes(value[2 * index : 2 * index + 2], "little"))
        elif key == _TIME_ZONE:
            found["time_zone"] = literal(value.decode("ascii", "replace"))
        elif key == _FLAGS2:
            found["sql_auto_is_null"] = str(int(bool(number & _AUTO_IS_NULL)))
            found["foreign_key_checks"] = str(int(not number & _NO_FOREIGN_KEYS))
            found["unique_checks"] = str(int(not number & _RELAXED_UNIQUE))
            if mariadb:
                found.update({name: str(int(bool(number & bit))) for name, bit in _MARIADB_FLAGS.items()})
    return found


def microseconds(query: Query, what: str) -> int:
    """The fraction of the second at which the statement began."""
    for key, value in _status(query.status, what):
        if key in (_MICROSECONDS, _HRNOW):
            return int.from_bytes(value, "little")
    return 0


def is_half_of_alter(query: Query, what: str) -> bool:
    """Whether MariaDB logged only the beginning of an ALTER TABLE, or that it failed: nothing is to be done for it."""
    for key, value in _status(query.status, what):
        if key == _GTID_FLAGS:
            return bool(value[0] & (_START_ALTER | _ROLLBACK_ALTER))
    return False


def updated_databases(query: Query, what: str) -> tuple[str, ...]:
    """The databases that the statement changed, triggers and functions included; empty where that is not said."""
    for key, value in _status(query.status, what):
        if key == _UPDATED_DATABASES:
            return tuple(name.decode("utf-8", "backslashreplace") for name in value.split(b"\0")[:-1])
    return ()


def without_updated_databases(query: Query, what: str) -> bytes:
    """The status variables as if too many databases were changed to name them."""
    reader = BodyReader(query.status, what)
    kept = b""
    while reader.left:
        begin = len(query.status) - reader.left
        key = reader.number(1)
        _value(key, reader)
        end = len(query.status) - reader.left
        kept += bytes((key, _TOO_MANY)) if key == _UPDATED_DATABASES else query.status[begin:end]
    return kept


def _status(status: bytes, what: str) -> t.Iterator[tuple[int, bytes]]:
    reader = BodyReader(status, what)
    while reader.left:
        key = reader.number(1)
        yield key, _value(key, reader)


def _value(key: int, reader: BodyReader) -> bytes:
    if key in _WIDTHS:
        return reader.take(_WIDTHS[key])
    if key in (_TIME_ZONE, _CATALOG):
        return reader.short_text()
    if key == _CATALOG_OLD:
        return reader.take(reader.number(1) + 1)
    if key == _INVOKER:
        return reader.short_text() + b"@" + reader.short_text()
    if key == _UPDATED_DATABASES:
        return _databases(reader)
    if key == _GTID_FLAGS:
        return _gtid_flags(reader)
    if key == _COLLATIONS:
        return reader.take(reader.number(1) * 4)
    raise reader.damaged(f"the unknown status variable {key}")


def _databases(reader: BodyReader) -> bytes:
    """The names, each with a zero behind it."""
    count = reader.number(1)
    names = bytearray()
    for _name in range(0 if count == _TOO_MANY else count):
        byte = reader.number(1)
        while byte:
            names.append(byte)
            byte = reader.number(1)
        names.append(0)
    return bytes(names)


def _gtid_flags(reader: BodyReader) -> bytes:
    """MariaDB's further flags of a GTID, and of which ALTER TABLE this is the end."""
    flags = reader.take(1)
    if flags[0] & (_COMMIT_ALTER | _ROLLBACK_ALTER):
        reader.take(8)
    return flags


_WIDTHS = {
    **_FIXED,
    _FLAGS2: 4,
    _SQL_MODE: 8,
    _AUTO_INCREMENT: 4,
    _CHARSET: 6,
    _LC_TIME: 2,
    _DATABASE_CHARSET: 2,
    _MICROSECONDS: 3,
    _HRNOW: 3,
    _EXPLICIT_DEFAULTS: 1,
    _UTF8MB4_COLLATION: 2,
    _REQUIRE_KEY: 1,
    _TABLE_ENCRYPTION: 1,
}
