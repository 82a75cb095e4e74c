# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is found out before the first change: what scripts need, and room on the disk."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from dbfleet.errors import NotFoundError, OutOfSpaceError
from dbfleet.postgresql.connection import connect
from dbfleet.postgresql.preflight import Report, check_free_space
from dbfleet.postgresql.restore_options import RunOptions
from tests import servers
from tests.integration.postgresql.restore_support import (
    SAMPLE,
    connection_options,
    fill,
    new_database,
    pg_dump,
    restore,
)

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
