# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is found out before the first change: what scripts need, and room on the disk."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

from dbfleet.errors import NotFoundError, OutOfSpaceError
from dbfleet.postgresql.connection import connect
from dbfleet.postgresql.preflight import Report, check_free_space
from dbfleet.postgresql.restore_options import RunOptions
from dbfleet.postgresql.toc import TocEntry
from tests import servers
from tests.integration.postgresql.restore_support import (
    SAMPLE,
    connection_options,
    databases,
    fill,
    new_database,
    pg_dump,
    restore,
    transcribe,
)
from tests.servers.fixtures import ServerPool

NEEDY = """
CREATE ROLE "absent owner"; CREATE ROLE absent_reader; CREATE ROLE absent_mapped;
CREATE TABLE t (a int); ALTER TABLE t OWNER TO "absent owner"; GRANT SELECT ON t TO absent_reader;
CREATE FUNCTION f() RETURNS text LANGUAGE sql AS 'SELECT ''
ALTER TABLE x OWNER TO not_a_role;''';
"""


@pytest.fixture
def script(pg_server: servers.Server, tmp_path: Path) -> Iterator[Path]:
    with new_database(pg_server) as source:
        fill(pg_server, source, NEEDY)
        try:
            yield pg_dump(pg_server, source, tmp_path / "genuine.sql", "-Fp")
        finally:
            fill(pg_server, source, 'DROP OWNED BY "absent owner", absent_reader')
            fill(pg_server, source, 'DROP ROLE "absent owner", absent_reader, absent_mapped')


def test_what_a_script_needs_is_in_one_report(pg_server: servers.Server, script: Path, tmp_path: Path) -> None:
    text = script.read_bytes()
    text = text.replace(b"CREATE TABLE", b"SET default_tablespace = absent_space;\nCREATE TABLE", 1)
    text = text.replace(b'"absent owner"', b'"gone owner"').replace(b"absent_reader", b"gone_reader")
    needy = tmp_path / "needy.sql"
    needy.write_bytes(text)
    with new_database(pg_server) as name:
        with pytest.raises(NotFoundError) as caught:
            restore(pg_server, needy, name)
        problems = caught.value.context["problems"]
        assert any("roles gone owner, gone_reader" in problem for problem in problems)
        assert any("tablespace absent_space" in problem for problem in problems)
        assert "not_a_role" not in str(caught.value)
        with pg_server.connect(name) as connection:
            assert connection.execute("SELECT count(*) FROM pg_class WHERE relname = 't'").fetchone() == (0,)
        restore(pg_server, script, name)


def test_what_a_script_needs_does_not_stop_one_that_goes_on(pg_latest: servers.Server, tmp_path: Path) -> None:
    script = tmp_path / "needy.sql"
    script.write_text("CREATE TABLE t (a int);\nALTER TABLE public.t OWNER TO nobody_at_all;\n", encoding="ascii")
    with new_database(pg_latest) as name:
        with pytest.raises(Exception, match="nobody_at_all"):
            restore(pg_latest, script, name, run=RunOptions(on_error="continue"))
        with pg_latest.connect(name) as connection:
            assert connection.execute("SELECT count(*) FROM t").fetchone() == (0,)


def test_a_disk_that_is_far_too_small_is_reported(pg_server: servers.Server) -> None:
    session = connect(connection_options(pg_server), database="postgres")
    try:
        report = Report("database 'any'")
        check_free_space(session, 1 << 20, report)
        report.raise_if_any()
        check_free_space(session, 1 << 60, report)
        with pytest.raises(OutOfSpaceError, match=r"has \d+ MiB free, and the backup holds 1099511627776 MiB of rows"):
            report.raise_if_any()
    finally:
        session.close()


def test_a_whole_script_has_nothing_amiss(pg_server: servers.Server, tmp_path: Path) -> None:
    with new_database(pg_server) as source, new_database(pg_server) as name:
        fill(pg_server, source, SAMPLE)
        restore(pg_server, pg_dump(pg_server, source, tmp_path / "genuine.sql", "-Fp"), name)


@pytest.mark.parametrize("server_name", ["pg11", "pg18"])
def test_everything_that_is_wrong_is_in_one_report(server_name: str, server_pool: ServerPool, tmp_path: Path) -> None:
    """Role, tablespace, extension, language, encoding, locale, and rights: at once, and nothing is made."""
    server = server_pool.get(server_name)

    def change(entry: TocEntry) -> TocEntry:
        defn = entry.defn or ""
        if entry.desc == "DATABASE":
            provider = " LOCALE_PROVIDER = libc" if server.version[0] >= 15 else ""
            created = (
                f"CREATE DATABASE x WITH TEMPLATE = template0 ENCODING = 'KLINGON'{provider} LC_COLLATE = 'tlh_QO' "
            )
            return dataclasses.replace(entry, defn=created + "LC_CTYPE = 'C';\n", owner="ghost of a role")
        if entry.desc == "TABLE":
            return dataclasses.replace(entry, tablespace="ghost space", owner="other ghost")
        if entry.desc == "EXTENSION":
            return dataclasses.replace(entry, tag="ghost_ext", defn="CREATE EXTENSION IF NOT EXISTS ghost_ext;\n")
        return dataclasses.replace(entry, defn=defn.replace("LANGUAGE sql", "LANGUAGE plghost")) if defn else entry

    with new_database(server) as source, new_database(server, create=False) as name:
        for statement in (
            "CREATE EXTENSION pg_trgm",
            "CREATE TABLE t (a int)",
            "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
            "CREATE FUNCTION e() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'",
            "CREATE EVENT TRIGGER et ON ddl_command_end EXECUTE PROCEDURE e()",
            "CREATE ROLE modest LOGIN",
        ):
            fill(server, source, statement)
        try:
            genuine = pg_dump(server, source, tmp_path / "genuine.dump", "--create")
            archive = transcribe(genuine, tmp_path / "needy.dump", change=change)
            before = databases(server)
            modest = dataclasses.replace(connection_options(server), user="modest")
            with pytest.raises(NotFoundError) as caught:
                restore(server, archive, name, create=True, connection=modest)
            problems = caught.value.context["problems"]
            expected = (
                "may not create databases",
                "does not know the encoding KLINGON",
                "lacks the locale tlh_QO",
                "lacks the roles ghost of a role, other ghost",
                "lacks the tablespace ghost space",
                "lacks the extension ghost_ext",
                "lacks the language plghost",
                "only a superuser can create what the archive holds: EVENT TRIGGER",
            )
            for one in expected:
                assert any(one in problem for problem in problems), (one, problems)
                assert one in caught.value.message
            assert databases(server) == before
        finally:
            fill(server, "postgres", "DROP ROLE modest")
