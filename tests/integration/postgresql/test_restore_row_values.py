# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A row's value is in no message, result, log or record of a restore that fails because of it, however it fails."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from dbfleet.cli.main import main
from dbfleet.postgresql.toc import TocEntry
from tests import servers
from tests.integration.postgresql.restore_support import fill, new_database, pg_dump, transcribe
from tests.servers.fixtures import ServerPool

MARK = "hushSecret7c"
OF_ROWS = f"CREATE TABLE t (a text, n int); INSERT INTO t VALUES ('{MARK}', 1), ('{MARK}', 2)"
#: A target whose table does not take the rows.
REFUSING = {
    "a value of another type": "CREATE TABLE t (a int, n int)",
    "a date": "CREATE TABLE t (a date, n int)",
    "a document": "CREATE TABLE t (a json, n int)",
    "a value that is too long": "CREATE TABLE t (a varchar(3), n int)",
    "a key": "CREATE TABLE t (a text PRIMARY KEY, n int)",
    "a check": "CREATE TABLE t (a text CHECK (a LIKE 'x%'), n int)",
    "a domain": "CREATE DOMAIN d AS text CHECK (VALUE LIKE 'x%'); CREATE TABLE t (a d, n int)",
    "a partition": "CREATE TABLE t (a text, n int) PARTITION BY LIST (a)",
    "a foreign key": "CREATE TABLE p (a text PRIMARY KEY); CREATE TABLE t (a text REFERENCES p, n int)",
    "an index": "CREATE TABLE t (a text, n int); CREATE INDEX ON t ((a::int))",
    "a trigger": """CREATE TABLE t (a text, n int);
        CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            RAISE NOTICE 'noticed %', NEW.a;
            RAISE 'found %', NEW.a USING ERRCODE = 'unique_violation', HINT = NEW.a;
        END $$; CREATE TRIGGER f BEFORE INSERT ON t FOR EACH ROW EXECUTE PROCEDURE f()""",
    "a privilege of a trigger's": """CREATE TABLE t (a text, n int);
        CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            RAISE 'found %', NEW.a USING ERRCODE = '42501';
        END $$; CREATE TRIGGER f BEFORE INSERT ON t FOR EACH ROW EXECUTE PROCEDURE f()""",
    "a statement made of it": """CREATE TABLE t (a text, n int);
        CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            EXECUTE format('SELECT %I', NEW.a); RETURN NEW;
        END $$; CREATE TRIGGER f BEFORE INSERT ON t FOR EACH ROW EXECUTE PROCEDURE f()""",
}
FORMS = {
    "custom": ("-Fc",),
    "inserts": ("-Fc", "--inserts"),
    "plain": ("-Fp",),
    "plain inserts": ("-Fp", "--inserts"),
}


@pytest.fixture(scope="module", params=["pg11", "pg18"])
def server(request: pytest.FixtureRequest, server_pool: ServerPool) -> servers.Server:
    return server_pool.get(request.param)


@pytest.fixture(scope="module")
def archives(server: servers.Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Path]]:
    folder = tmp_path_factory.mktemp("archives")
    with new_database(server) as source:
        fill(server, source, OF_ROWS)
        yield {
            form: pg_dump(server, source, folder / form.replace(" ", "_"), *how, "--data-only")
            for form, how in FORMS.items()
        }


def failing(
    server: servers.Server, archive: Path, name: str, *asked: str, capsys: pytest.CaptureFixture[str]
) -> tuple[str, str]:
    """What the command says, told to say everything, and the message of the error."""
    where = ["--host", str(server.socket), "--port", str(server.port), "--user", server.user]
    target = ["--source", str(archive), "--database", name, "--debug", "--json"]
    assert main(["restore", "postgresql", *where, *target, *asked]) == 1
    said = capsys.readouterr()
    return said.out + said.err, json.loads(said.out)["error"]["message"]


@pytest.mark.parametrize("refusing", list(REFUSING))
def test_rows_that_are_refused(
    server: servers.Server,
    archives: dict[str, Path],
    refusing: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with new_database(server) as name:
        fill(server, name, REFUSING[refusing])
        asked: dict[str, list[tuple[str, ...]]] = {form: [()] for form in FORMS}
        asked["custom"] += [("--jobs", "2"), ("--on-error", "continue"), ("--resume", "--state-folder", str(tmp_path))]
        asked["plain"] += [("--on-error", "continue")]
        for form, several in asked.items():
            select = ("--data-only",) if not form.startswith("plain") else ()
            for more in several:
                said, message = failing(server, archives[form], name, "--force", *select, *more, capsys=capsys)
                recorded = "".join(path.read_text(encoding="utf-8") for path in tmp_path.iterdir())
                assert MARK not in said + recorded, (form, more)
                assert "public.t" in message, (form, more)
        said, _message = failing(
            server, archives["custom"], name, "--force", "--data-only", "--show-data-in-errors", capsys=capsys
        )
        assert MARK in said


def test_rows_that_break_what_is_made_after_them(
    server: servers.Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Indexes, keys, checks, materialized views, and statistics."""
    made = {
        "INDEX public.one": "CREATE UNIQUE INDEX one ON public.t (a)",
        "INDEX public.cast": 'CREATE INDEX "cast" ON public.t (public.f(a))',
        "CONSTRAINT public.t key": "ALTER TABLE public.t ADD CONSTRAINT key PRIMARY KEY (a)",
        "CHECK CONSTRAINT public.t checked": "ALTER TABLE public.t ADD CONSTRAINT checked CHECK (a < 'h') NOT VALID",
        "FK CONSTRAINT public.t other": "ALTER TABLE public.t ADD CONSTRAINT other FOREIGN KEY (a) REFERENCES public.p",
        "MATERIALIZED VIEW DATA public.seen": "CREATE MATERIALIZED VIEW seen AS SELECT public.f(a) FROM public.t",
    }
    bad = f"{MARK}\t1\n{MARK}\t2\n".encode()
    for item, statement in made.items():
        with new_database(server) as source, new_database(server) as name:
            fill(
                server,
                source,
                "CREATE TABLE p (a text PRIMARY KEY); CREATE TABLE t (a text, n int);"
                "CREATE FUNCTION f(text) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT $1::int';" + statement,
            )
            genuine = pg_dump(server, source, tmp_path / "genuine.dump")
            archive = transcribe(genuine, tmp_path / "bad.dump", rows={"t": bad})
            if "CHECK" in item:
                # It is validated where it is restored.
                archive = transcribe(
                    genuine, tmp_path / "bad.dump", rows={"t": bad},
                    change=_validated,
                )  # fmt: skip
            for more in ((), ("--jobs", "2"), ("--on-error", "continue", "--force")):
                said, message = failing(server, archive, name, *more, capsys=capsys)
                assert MARK not in said, (item, more)
                assert item in message, (item, more)
                if more:
                    fill(server, name, "DROP SCHEMA public CASCADE; CREATE SCHEMA public")


def _validated(entry: TocEntry) -> TocEntry:
    return dataclasses.replace(entry, defn=(entry.defn or "").replace(" NOT VALID", ""))
