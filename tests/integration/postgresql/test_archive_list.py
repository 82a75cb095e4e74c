# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is told of archives and scripts without a server: the lists are those of the newest pg_restore."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from dbfleet.cli.main import main
from tests import servers
from tests.integration.postgresql.backup_support import back_up, fill_with_zoo
from tests.integration.postgresql.restore_support import fill
from tests.servers.fixtures import ServerPool

NEWEST = 18
FORMS = [("-Fc",), ("-Fd",), ("-Ft",), ("-Fc", "-Z0"), ("-Fc", "--inserts")]
NEWER_FORMS = [("-Fc", "-Zlz4"), ("-Fd", "-Zzstd")]
ARCHIVES = [
    pytest.param(server, client, form, id=f"{server}-{client}{''.join(form)}")
    for server, clients in (("pg10", (14, 15, 16, 17, 18)), ("pg18", (18,)))
    for client in clients
    for form in FORMS + (NEWER_FORMS if client >= 16 else [])
]
COMPRESSED = {"-Zlz4": "lz4", "-Zzstd": "zstd", "-Z0": "none", "-Ft": "none"}


@pytest.fixture(scope="module")
def filled(server_pool: ServerPool) -> dict[str, str]:
    return {}


def zoo_on(pool: ServerPool, filled: dict[str, str], name: str) -> servers.Server:
    """A server with the zoo in the database ``listed``, filled when first asked for."""
    server = pool.get(name)
    if name not in filled:
        filled[name] = "listed"
        fill(server, "postgres", "DROP DATABASE IF EXISTS listed")
        fill(server, "postgres", "CREATE DATABASE listed TEMPLATE template0")
        fill_with_zoo(server, "listed", "tables", "functions", "partitions", "large_objects")
        fill(server, "listed", "COMMENT ON DATABASE listed IS 'its comment'")
    return server


def listed_genuinely(archive: Path, *args: str) -> str:
    return servers.client("pg_restore", version=NEWEST).run(None, "-l", *args, archive).stdout.decode()


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["info", *arguments]) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize(("name", "client", "form"), ARCHIVES)
def test_the_list_is_that_of_the_newest_pg_restore(
    name: str,
    client: int,
    form: tuple[str, ...],
    server_pool: ServerPool,
    filled: dict[str, str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    server = zoo_on(server_pool, filled, name)
    archive = tmp_path / "archive"
    servers.client("pg_dump", version=client).run(server, *form, "-f", archive, "listed")
    assert told(capsys, str(archive)) == listed_genuinely(archive)
    found = json.loads(told(capsys, str(archive), "--json"))["contents"]
    assert found["complete"] is True
    assert found["database"] == "listed"
    assert found["compression"] == next((COMPRESSED[one] for one in form if one in COMPRESSED), "gzip")
    assert found["dump_version"].startswith(f"{client}.")
    assert [entry["name"] for entry in found["entries"] if entry["kind"] == "DATABASE"] == ["listed"]


@pytest.mark.parametrize("archive_format", ["custom", "directory", "tar"])
def test_our_own_archives_are_listed_too(
    archive_format: str,
    server_pool: ServerPool,
    filled: dict[str, str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    server = zoo_on(server_pool, filled, "pg18")
    archive, _contents, _progress = back_up(server, "listed", tmp_path, format=archive_format)
    assert told(capsys, str(archive)) == listed_genuinely(archive)


def test_an_archive_that_is_cut_short_is_listed_with_a_word_about_it(
    server_pool: ServerPool, filled: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server = zoo_on(server_pool, filled, "pg18")
    dump = servers.client("pg_dump", version=18)
    dump.run(server, "-Fc", "-f", tmp_path / "whole.dump", "listed")
    # Written into a pipe there are no offsets: what is missing is found by walking over all blocks.
    piped = dump.run(server, "-Fc", "listed").stdout
    for content in ((tmp_path / "whole.dump").read_bytes(), piped):
        cut = tmp_path / "cut.dump"
        cut.write_bytes(content[:-1])
        listed = told(capsys, str(cut))
        assert "; NOT COMPLETE: " in listed
        assert [line for line in listed.splitlines() if "NOT COMPLETE" not in line][12:] == listed_genuinely(
            cut
        ).splitlines()[11:]
        cut.write_bytes(content + b"x")
        assert "bytes that belong to no entry" in json.loads(told(capsys, str(cut), "--json"))["contents"]["problem"]
        cut.write_bytes(content)
        assert "NOT COMPLETE" not in told(capsys, str(cut))
    folder = tmp_path / "folder"
    dump.run(server, "-Fd", "-f", folder, "listed")
    next(folder.glob("[0-9]*.dat.gz")).unlink()
    assert "is missing" in json.loads(told(capsys, str(folder), "--json"))["contents"]["problem"]


def test_scripts_are_told_apart(
    server_pool: ServerPool, filled: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server = zoo_on(server_pool, filled, "pg18")
    script = servers.client("pg_dump", version=18).run(server, "listed").stdout
    of_server = servers.client("pg_dumpall", version=18).run(server).stdout
    path = tmp_path / "script.sql"
    path.write_bytes(gzip.compress(script))
    found = json.loads(told(capsys, str(path), "--json"))["contents"]
    assert (found["kind"], found["of"], found["complete"], found["databases"]) == ("script", "database", True, [])
    assert found["server_version"].startswith("18.")
    assert found["dump_version"].startswith("18.")
    assert len(found["tables"]) >= 5
    with server.connect("listed") as connection:
        for table in found["tables"][:5]:
            name = ".".join('"' + table[part].replace('"', '""') + '"' for part in ("schema", "name")).encode()
            (count,) = connection.execute(b"SELECT count(*) FROM ONLY " + name).fetchone()
            assert count == table["rows"]
    path.write_bytes(script[: len(script) // 2])
    text = told(capsys, str(path))
    assert "a dump of a PostgreSQL database" in text
    assert "complete    no: " in text
    path.write_bytes(of_server)
    found = json.loads(told(capsys, str(path), "--json"))["contents"]
    assert (found["of"], found["complete"]) == ("server", True)
    assert "listed" in found["databases"]


def test_what_cannot_be_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"-- MariaDB dump 10.19\nSELECT 1;\n")
    assert main(["info", str(path)]) == 2
    assert "is a script of MariaDB" in capsys.readouterr().err
    path.write_bytes(b"\x7fELF\0\0")
    assert main(["info", str(path)]) == 1
    assert "of no known format" in capsys.readouterr().err
    path.write_bytes(b"SELECT 1;\n")
    assert "does not say that it is a dump" in told(capsys, str(path))
    assert main(["info", str(path), "--backup", "latest"]) == 2
