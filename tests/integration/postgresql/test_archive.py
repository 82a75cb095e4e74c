# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Archives of the genuine pg_dump read by ours, and ours read by the genuine pg_restore."""

from __future__ import annotations

import io
import shutil
import tarfile
from pathlib import Path

import pytest

from dbfleet.postgresql.archive.reader import open_archive
from dbfleet.streams.compression import Compression
from tests import servers
from tests.integration.postgresql.restore_support import (
    LocalArtifact,
    assert_equal_databases,
    fill,
    new_database,
    pg_dump,
    restore,
    transcribe,
)
from tests.servers.fixtures import ServerPool

# What pg_dump of each series can write; from a pipe there are no offsets.
FORMS = [
    ("custom", ("-Fc",)),
    ("custom-0", ("-Fc", "-Z0")),
    ("directory", ("-Fd", "-j2")),
    ("directory-0", ("-Fd", "-Z0")),
    ("tar", ("-Ft",)),
]
NEWER_FORMS = [
    ("custom-lz4", ("-Fc", "-Zlz4")),
    ("custom-zstd", ("-Fc", "-Zzstd")),
    ("directory-lz4", ("-Fd", "-Zlz4")),
    ("directory-zstd", ("-Fd", "-Zzstd")),
]
GENUINE = [
    pytest.param(version, args, id=f"{version}-{name}")
    for version in (14, 15, 16, 17, 18)
    for name, args in FORMS + (NEWER_FORMS if version >= 16 else [])
]


@pytest.fixture(scope="module")
def filled(server_pool: ServerPool) -> dict[int, str]:
    """Names of databases with the sample, by server series; filled when first asked for."""
    return {}


def sample_on(pool: ServerPool, filled: dict[int, str], version: int) -> tuple[servers.Server, str]:
    server = pool.get(f"pg{version}")
    if version not in filled:
        filled[version] = f"sample_{version}"
        fill(server, "postgres", f"DROP DATABASE IF EXISTS sample_{version}")
        fill(server, "postgres", f"CREATE DATABASE sample_{version} TEMPLATE template0")
        fill(server, filled[version])
    return server, filled[version]


@pytest.mark.parametrize(("version", "args"), GENUINE)
def test_every_form_of_a_genuine_archive_is_restored(
    version: int, args: tuple[str, ...], server_pool: ServerPool, filled: dict[int, str], tmp_path: Path
) -> None:
    server, source = sample_on(server_pool, filled, version)
    archive = pg_dump(server, source, tmp_path / "a", *args, version=version)
    with new_database(server) as name:
        restore(server, archive, name)
        assert_equal_databases(server, source, name)


def test_an_archive_from_a_pipe_is_restored(server_pool: ServerPool, filled: dict[int, str], tmp_path: Path) -> None:
    server, source = sample_on(server_pool, filled, 18)
    archive = tmp_path / "piped.dump"
    archive.write_bytes(servers.client("pg_dump", version=18).run(server, "-Fc", source).stdout)
    with new_database(server) as name:
        restore(server, archive, name)
        assert_equal_databases(server, source, name)


@pytest.mark.parametrize("patch", [True, False], ids=["offsets", "piped"])
@pytest.mark.parametrize(
    ("client", "version", "compression"),
    [
        (14, (1, 12), "gzip"), (14, (1, 13), "none"), (14, (1, 14), "gzip:9"), (15, (1, 14), "none"),
        (16, (1, 15), "lz4"), (16, (1, 14), "gzip"), (17, (1, 16), "zstd"), (18, (1, 16), "lz4"), (18, (1, 15), "zstd"),
        (18, (1, 14), "gzip"), (18, (1, 13), "gzip"), (18, (1, 16), "none"),
    ],
)  # fmt: skip
def test_pg_restore_reads_what_we_write(
    client: int,
    version: tuple[int, int],
    compression: str,
    patch: bool,
    server_pool: ServerPool,
    filled: dict[int, str],
    tmp_path: Path,
) -> None:
    # Large objects are grouped from 1.16 on, so an archive is only written again as its own or a newer version.
    series = {12: 14, 13: 14, 14: 15, 15: 16, 16: max(client, 17)}[version[1]]
    server, source = sample_on(server_pool, filled, series)
    genuine = pg_dump(server, source, tmp_path / "genuine.dump", version=series)
    ours = tmp_path / "ours.dump"
    transcribe(genuine, ours, version=version, compression=Compression.parse(compression), patch=patch)
    pg_restore = servers.client("pg_restore", version=client)
    listed = pg_restore.run(None, "-l", ours).stdout.decode()
    assert "TABLE DATA shop customers" in listed
    assert "Format: CUSTOM" in listed
    for jobs in ("-j1", "-j2") if patch else ("-j1",):
        with new_database(server) as name:
            done = pg_restore.run(server, jobs, "-d", name, ours, check=False)
            errors = [line for line in done.stderr.decode().splitlines() if " ERROR: " in line]
            # What pg_restore of 17 and later sends to every server.
            assert not [line for line in errors if '"transaction_timeout"' not in line]
            assert_equal_databases(server, source, name)


def test_tar_and_folder_hold_the_same(server_pool: ServerPool, filled: dict[int, str], tmp_path: Path) -> None:
    """A tar made by hand of a directory archive is a tar archive: one reader's view of both."""
    server, source = sample_on(server_pool, filled, 18)
    folder = pg_dump(server, source, tmp_path / "folder", "-Fd", "-Z0", version=18)
    with tarfile.open(tmp_path / "made.tar", "w", format=tarfile.USTAR_FORMAT) as archive:
        for path in sorted(folder.iterdir()):
            archive.add(path, path.name)
    views = []
    for path in (folder, tmp_path / "made.tar"):
        reader = open_archive(LocalArtifact(path))
        contents = {}
        for entry in reader.entries:
            if entry.had_dumper and entry.desc == "TABLE DATA":
                data = io.BytesIO()
                stream = reader.data(entry)
                while piece := stream.read(1 << 16):
                    data.write(piece)
                contents[entry.tag] = data.getvalue()
        views.append((reader.entries, contents))
        reader.close()
    assert views[0] == views[1]
    assert views[0][1]
    shutil.rmtree(folder)
