# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a restore derives from entries: settings, owners, drops, order, needs, the new database's statement."""

from __future__ import annotations

from typing import Any

import pytest

from dbfleet.errors import NotFoundError, PrivilegeError, QueryError, UnsupportedObjectError
from dbfleet.postgresql.archive_needs import archive_needs
from dbfleet.postgresql.new_database import NewDatabase, create_statement
from dbfleet.postgresql.options import ConnectionOptions
from dbfleet.postgresql.restore_entry import check_supported, lock_weight
from dbfleet.postgresql.restore_order import restore_order
from dbfleet.postgresql.restore_sql import (
    StorageDefaults,
    archive_settings,
    drop_statement,
    large_objects_privileges,
    owner_statement,
    partitioned_access_method,
    search_path_statement,
    session_settings,
    storage_statements,
)
from dbfleet.postgresql.row_values import without_values
from dbfleet.postgresql.toc import TocEntry


def entry(desc: str, tag: str = "t", dump_id: int = 1, **fields: Any) -> TocEntry:
    values = {"had_dumper": False, "table_oid": 0, "oid": 0, "section": 2, **fields}
    return TocEntry(dump_id=dump_id, desc=desc, tag=tag, **values)


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (entry("TABLE", "Odd t", namespace="s", owner="o w", drop_stmt="x"), 'ALTER TABLE s."Odd t" OWNER TO "o w"'),
        (entry("VIEW", namespace="s", owner="o", drop_stmt="x"), "ALTER VIEW s.t OWNER TO o"),
        (entry("SCHEMA", owner="o", drop_stmt="x"), "ALTER SCHEMA t OWNER TO o"),
        (
            entry("FUNCTION", "f(integer)", namespace="s", owner="o", drop_stmt="DROP FUNCTION s.f(a integer);\n"),
            "ALTER FUNCTION s.f(a integer) OWNER TO o",
        ),
        (
            entry("OPERATOR CLASS", namespace="s", owner="o", drop_stmt="DROP OPERATOR CLASS s.t USING btree;\n"),
            "ALTER OPERATOR CLASS s.t USING btree OWNER TO o",
        ),
        (entry("BLOB", "4711", owner="o", drop_stmt="x"), "ALTER LARGE OBJECT 4711 OWNER TO o"),
        (entry("INDEX", namespace="s", owner="o", drop_stmt="x"), ""),
        (entry("TABLE", namespace="s", owner="", drop_stmt="x"), ""),
        (entry("COMMENT", owner="o"), ""),
    ],
)
def test_owner_statement(made: TocEntry, expected: str) -> None:
    assert owner_statement(made) == expected


def test_an_unknown_kind_with_an_owner_is_refused() -> None:
    with pytest.raises(UnsupportedObjectError, match="WIDGET t"):
        owner_statement(entry("WIDGET", owner="o", drop_stmt="DROP WIDGET t;"))
    with pytest.raises(UnsupportedObjectError):
        owner_statement(entry("BLOB", "1; DROP TABLE x", owner="o", drop_stmt="x"))


DROP_16 = (
    "SELECT pg_catalog.lo_unlink(oid) FROM pg_catalog.pg_largeobject_metadata "
    "WHERE oid = ANY ('{16}'::pg_catalog.oid[])"
)


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (entry("TABLE", drop_stmt="DROP TABLE s.t;\n"), "DROP TABLE IF EXISTS s.t;"),
        (entry("TABLE", drop_stmt="DROP TABLE IF EXISTS s.t;\n"), "DROP TABLE IF EXISTS s.t;"),
        (
            entry("CONSTRAINT", drop_stmt='ALTER TABLE ONLY s."t x" DROP CONSTRAINT "c d";\n'),
            'ALTER TABLE IF EXISTS ONLY s."t x" DROP CONSTRAINT IF EXISTS "c d";',
        ),
        (
            entry("DEFAULT", drop_stmt="ALTER TABLE s.t ALTER COLUMN c DROP DEFAULT;\n"),
            "ALTER TABLE IF EXISTS s.t ALTER COLUMN c DROP DEFAULT;",
        ),
        (entry("TRIGGER", drop_stmt="DROP TRIGGER g ON s.t;\n"), "DROP TRIGGER IF EXISTS g ON s.t;"),
        (entry("VIEW", drop_stmt="CREATE OR REPLACE VIEW v AS SELECT 1;\n"), "CREATE OR REPLACE VIEW v AS SELECT 1;"),
        (entry("SCHEMA", drop_stmt="-- *not* dropping schema, since initdb creates it\n"), ""),
        (entry("TABLE DATA"), ""),
        (
            entry("BLOB", "16", drop_stmt="SELECT pg_catalog.lo_unlink('16');\n"),
            DROP_16,
        ),
    ],
)
def test_drop_statement(made: TocEntry, expected: str) -> None:
    assert drop_statement(made) == expected


SETTINGS = (
    entry("ENCODING", defn="SET client_encoding = 'LATIN1';\n"),
    entry("STDSTRINGS", defn="SET standard_conforming_strings = 'off';\n"),
    entry("SEARCHPATH", defn="SELECT pg_catalog.set_config('search_path', '', false);\n"),
)


def test_settings_are_read_and_sent() -> None:
    settings = archive_settings(SETTINGS)
    assert (settings.encoding, settings.standard_strings) == ("LATIN1", False)
    statements = session_settings(settings, version=160000)
    assert "SET client_encoding = 'LATIN1'" in statements
    assert "SET standard_conforming_strings = off" in statements
    assert statements[-1].startswith("SELECT pg_catalog.set_config('search_path'")
    assert "SET transaction_timeout = 0" not in statements
    assert "SET transaction_timeout = 0" in session_settings(settings, version=170000)
    assert archive_settings(()).search_path == ""


@pytest.mark.parametrize(
    "made",
    [
        entry("ENCODING", defn="SET client_encoding = 'UTF8'; DROP TABLE t;\n"),
        entry("ENCODING"),
        entry("STDSTRINGS", defn="SET role = 'x';\n"),
        entry("SEARCHPATH", defn="SELECT pg_catalog.set_config('role', '', false);\n"),
    ],
)
def test_settings_that_are_something_else_are_refused(made: TocEntry) -> None:
    with pytest.raises(UnsupportedObjectError, match="not understood"):
        archive_settings((made,))


def test_storage_follows_the_entries() -> None:
    table = entry("TABLE", tablespace="fast", table_am="heap", relkind="r")
    statements, current = storage_statements(table, version=150000, current=StorageDefaults(tablespace=""))
    assert statements == ["SET default_tablespace = fast", "SET default_table_access_method = heap"]
    assert storage_statements(table, version=150000, current=current) == ([], current)
    back = entry("TABLE", tablespace="", relkind="p", table_am="columnar")
    statements, current = storage_statements(back, version=170000, current=current)
    assert statements == ["SET default_tablespace = ''"]
    assert current.table_am == "heap"
    assert partitioned_access_method(back, version=170000) == "ALTER TABLE t SET ACCESS METHOD columnar"
    assert not partitioned_access_method(back, version=160000)
    assert storage_statements(table, version=110000, current=StorageDefaults(""))[0] == [
        "SET default_tablespace = fast"
    ]


def test_search_paths_of_old_archives() -> None:
    assert search_path_statement(entry("TABLE", namespace="Odd")) == 'SET search_path = "Odd", pg_catalog'
    assert search_path_statement(entry("TABLE", namespace="pg_catalog")) == "SET search_path = pg_catalog"
    assert search_path_statement(entry("SCHEMA")) == ""


def test_a_groups_privileges_are_spelled_out_for_each() -> None:
    acl = entry("ACL", "LARGE OBJECTS 5..7", defn="GRANT SELECT ON LARGE OBJECT 5 TO a;\n")
    assert list(large_objects_privileges(acl, (5, 7))) == [
        "GRANT SELECT ON LARGE OBJECT 5 TO a;\n",
        "GRANT SELECT ON LARGE OBJECT 7 TO a;\n",
    ]


def test_passes_keep_the_archives_order() -> None:
    entries = [
        *SETTINGS,
        entry("DATABASE", "db", 10),
        entry("ACL", "DATABASE db", 11),
        entry("COMMENT", "DATABASE db", 12),
        entry("TABLE", "a", 13),
        entry("ACL", "TABLE a", 14),
        entry("COMMENT", "TABLE a", 15),
        entry("TABLE DATA", "a", 16, had_dumper=True, namespace="s"),
        entry("EVENT TRIGGER", "e", 17),
        entry("COMMENT", "EVENT TRIGGER e", 18),
        entry("MATERIALIZED VIEW DATA", "m", 19),
        entry("DEFAULT ACL", "x", 20),
        entry("INDEX", "i", 21),
        entry("STATISTICS DATA", "a", 22, section=3),
        entry("STATISTICS DATA", "i", 23, section=4),
    ]
    order = restore_order(entries)
    assert [one.dump_id for one in order.database] == [10, 11, 12]
    assert [one.dump_id for one in order.steps] == [13, 15, 16, 21, 22, 14, 20, 17, 18, 19, 23]
    assert [one.dump_id for one in order.drops] == [23, 19, 18, 17, 22, 21, 16, 15, 13]
    assert order.tables() == (("s", "a"),)
    assert order.counts() == {
        "EVENT TRIGGER": 1, "INDEX": 1, "MATERIALIZED VIEW DATA": 1, "STATISTICS DATA": 2, "TABLE": 1,
    }  # fmt: skip
    assert all(lock_weight(one) >= 1 for one in order.steps)


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (entry("TABLE DATA", had_dumper=True, copy_stmt="COPY t FROM PROGRAM 'x';\n"), "COPY statement"),
        (entry("WIDGET DATA", had_dumper=True), "unknown kind"),
        (entry("BLOB METADATA", defn="1\nx\n"), "not understood"),
    ],
)
def test_what_cannot_be_restored_is_refused(made: TocEntry, message: str) -> None:
    with pytest.raises(UnsupportedObjectError, match=message):
        check_supported(restore_order([made]))


def test_needs() -> None:
    acl = (
        "REVOKE ALL ON TABLE s.t FROM PUBLIC;\nGRANT ALL ON TABLE s.t TO reader WITH GRANT OPTION;\n"
        'SET SESSION AUTHORIZATION "The ""grantor""";\nGRANT SELECT(a) ON TABLE s.t TO other;\n'
        "RESET SESSION AUTHORIZATION;\n"
    )
    entries = [
        entry("DATABASE", "db", 1, owner="dba", drop_stmt="x"),
        entry("DATABASE PROPERTIES", "db", 2, defn="ALTER ROLE tuned IN DATABASE db SET work_mem TO '1';\n"),
        entry("SCHEMA", "s", 3, defn="CREATE SCHEMA s;\n", owner="o", drop_stmt="x"),
        entry("SCHEMA", "public", 4, defn="-- *not* creating schema\n", drop_stmt="-- not"),
        entry("EXTENSION", "plproxy", 5, defn="CREATE EXTENSION plproxy;\n"),
        entry(
            "FUNCTION", "f()", 6, namespace="s", owner="o", drop_stmt="DROP FUNCTION s.f();\n",
            defn="CREATE FUNCTION s.f() RETURNS x\n    LANGUAGE plv8 STRICT\n    AS $$\n    LANGUAGE ghost\n$$;\n",
        ),
        entry("FUNCTION", "g()", 7, namespace="s", defn="CREATE FUNCTION s.g()\n    LANGUAGE plproxy\n    AS $$$$;\n"),
        entry("TABLE", "t", 8, namespace="public", tablespace="fast", owner="p", drop_stmt="x"),
        entry("ACL", "TABLE t", 9, namespace="s", defn=acl, owner="o"),
        entry("POLICY", "t p", 10, namespace="s", defn='CREATE POLICY p ON s.t FOR SELECT TO a, "B c";\n'),
        entry(
            "DEFAULT ACL", "x", 11,
            defn="ALTER DEFAULT PRIVILEGES FOR ROLE d IN SCHEMA s GRANT SELECT ON TABLES TO e;\n",
        ),
        entry("USER MAPPING", "x", 12, defn="CREATE USER MAPPING FOR m SERVER y;\n"),
        entry("USER MAPPING", "y", 13, defn="CREATE USER MAPPING FOR public SERVER y;\n"),
    ]  # fmt: skip
    needs = archive_needs(restore_order(entries), create=False)
    assert needs.owners == {"o", "p"}
    assert needs.roles == {"o", "p", "reader", 'The "grantor"', "other", "a", "B c", "d", "e", "m"}
    assert needs.tablespaces == {"fast"}
    assert needs.extensions == {"plproxy"}
    assert needs.languages == {"plv8"}
    assert needs.schemas == {"public"}
    assert {"dba", "tuned"} < archive_needs(restore_order(entries), create=True).roles


NEW = "CREATE DATABASE new WITH TEMPLATE = template0"
CREATE = "CREATE DATABASE {} WITH TEMPLATE = template0 ENCODING = 'UTF8' LOCALE_PROVIDER = {} LOCALE = 'de''s'{};\n"


@pytest.mark.parametrize(
    ("made", "version", "expected"),
    [
        (None, 180000, NEW),
        (
            entry("DATABASE", defn=CREATE.format("old", "libc", "")),
            160000,
            f"{NEW} ENCODING = 'UTF8' LOCALE_PROVIDER = libc LOCALE = 'de''s'",
        ),
        (
            entry("DATABASE", defn=CREATE.format('"o ""l d"', "libc", " TABLESPACE = fast")),
            140000,
            f"{NEW} ENCODING = 'UTF8' LOCALE = 'de''s' TABLESPACE = fast",
        ),
        (
            entry("DATABASE", defn=CREATE.format("old", "libc", ""), tablespace="my space"),
            120000,
            f"{NEW} ENCODING = 'UTF8' LC_COLLATE = 'de''s' LC_CTYPE = 'de''s' TABLESPACE = \"my space\"",
        ),
    ],
)
def test_create_statement(made: TocEntry | None, version: int, expected: str) -> None:
    assert sorted(create_statement(made, "new", version=version).split()) == sorted(expected.split())


@pytest.mark.parametrize(("provider", "version"), [("icu", 140000), ("builtin", 160000)])
def test_locale_providers_that_the_server_lacks(provider: str, version: int) -> None:
    made = entry("DATABASE", defn=CREATE.format("old", provider, ""))
    with pytest.raises(NotFoundError, match=f"locale provider {provider}"):
        create_statement(made, "new", version=version)
    assert f"LOCALE_PROVIDER = {provider}" in create_statement(made, "new", version=170000)


@pytest.mark.parametrize(
    "defn",
    [
        "CREATE DATABASE x;\n",
        CREATE.format("x", "libc", " OID = 5"),
        CREATE.format("x", "libc", "; DROP DATABASE y"),
        "",
    ],
)
def test_an_odd_database_entry_is_refused(defn: str) -> None:
    with pytest.raises(UnsupportedObjectError, match="not understood"):
        create_statement(entry("DATABASE", "x", defn=defn), "new", version=160000)


PROPERTIES = """ALTER DATABASE {0} SET x TO 'DATABASE "o.l d" ';
ALTER ROLE r IN DATABASE {0} SET y TO '1';
"""


def test_what_belongs_to_the_database_gets_its_name() -> None:
    made = entry("DATABASE", "o.l d", defn=CREATE.format('"o.l d"', "libc", ""), owner="dba")
    new = NewDatabase(ConnectionOptions(), "final", made)
    name = new.temporary_name
    statements = new.settings(
        [
            made,
            entry("COMMENT", defn='COMMENT ON DATABASE "o.l d" IS \'ON DATABASE "o.l d" IS\';\n'),
            entry("ACL", defn='REVOKE ALL ON DATABASE "o.l d" FROM PUBLIC;\nGRANT ALL ON DATABASE "o.l d" TO a;\n'),
            entry(
                "DATABASE PROPERTIES",
                defn=PROPERTIES.format('"o.l d"'),
            ),
        ]
    )
    assert statements == (
        f"ALTER DATABASE {name} OWNER TO dba",
        f"COMMENT ON DATABASE {name} IS 'ON DATABASE \"o.l d\" IS';\n",
        f"REVOKE ALL ON DATABASE {name} FROM PUBLIC;\nGRANT ALL ON DATABASE {name} TO a;\n",
        PROPERTIES.format(name),
    )


LEFT_OUT = "(value left out)"


@pytest.mark.parametrize(
    ("sqlstate", "message", "expected"),
    [
        ("22P02", 'invalid syntax for type integer: "x"', f"invalid syntax for type integer: {LEFT_OUT}"),
        ("22P02", 'ungültige Syntax für Typ integer: »x"y«', f"ungültige Syntax für Typ integer: {LEFT_OUT}"),
        ("22P02", 'bad: "a"secret"b" end', f"bad: {LEFT_OUT} end"),
        ("22021", 'not valid in "UTF8": 0xff 0xfe', f"not valid in {LEFT_OUT}: {LEFT_OUT}"),
        ("22P04", 'missing data for column "b"', 'missing data for column "b"'),
        ("23505", 'duplicate key violates "k"', 'duplicate key violates "k"'),
    ],
)
def test_values_are_left_out(sqlstate: str, message: str, expected: str) -> None:
    error = QueryError(f"{message} [SQLSTATE {sqlstate}]", sqlstate=sqlstate)
    assert without_values(error) == f"{expected} [SQLSTATE {sqlstate}]"


def test_what_functions_raise_is_left_out() -> None:
    assert "secret" not in without_values(QueryError("row secret", sqlstate="P0001"))
    assert without_values(PrivilegeError("permission denied", sqlstate="42501")) == "permission denied"
