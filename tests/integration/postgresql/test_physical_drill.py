# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restore drills of physical backups, on a server that is started for them."""

from __future__ import annotations

from pathlib import Path

import pytest

from dbfleet.drill import Drill
from dbfleet.errors import NotFoundError, VerificationError
from dbfleet.progress import Progress
from dbfleet.repository.layout import PHYSICAL_FOLDER
from dbfleet.restore import Origin
from dbfleet.verify import VerifyRequest, VerifyResult, verify
from tests.integration.postgresql.wal_restore_support import CLUSTER, marked_server, open_folder, programs
from tests.servers import folders
from tests.servers.fixtures import ServerPool


def drilled(repository: str, **drill: object) -> VerifyResult:
    request = VerifyRequest(Origin(repository=repository), level="restore", drill=Drill(None, **drill))  # type: ignore[arg-type]
    return verify(request, Progress())


@pytest.mark.parametrize("name", ["pg10", "pg18"])
def test_a_backup_without_its_configuration_passes(name: str, server_pool: ServerPool) -> None:
    server_pool.get(name)
    with open_folder() as folder, marked_server(name, folder) as marked:
        tablespace = marked.server.folder / "tablespace"
        folders.own_subfolder(marked.server.folder, "tablespace")
        marked.server.execute(f"CREATE TABLESPACE apart LOCATION '{tablespace}'")
        marked.server.execute("CREATE TABLE elsewhere TABLESPACE apart AS SELECT generate_series(1, 1000) AS n")
        # As on Debian, where it is in another place than the data.
        (marked.server.data_dir / "postgresql.conf").unlink()
        backup = marked.backup()
        scratch = folder / "drills"
        scratch.mkdir()
        scratch.chmod(0o755)
        how = {"server_programs": programs(name), "scratch_folder": str(scratch)}
        (found,) = drilled(marked.repository, **how).verifications
        assert (found["id"], found["level"], found["passed"]) == (backup, "restore", True)
        assert not list(scratch.iterdir())
        with pytest.raises(NotFoundError, match="no server programs"):
            drilled(marked.repository, server_programs="/nowhere")

        archive = Path(marked.repository, CLUSTER, PHYSICAL_FOLDER, backup, "base", "base.tar.gz")
        data = bytearray(archive.read_bytes())
        data[len(data) // 2] ^= 1
        archive.write_bytes(data)
        with pytest.raises(VerificationError) as failed:
            drilled(marked.repository, **how)
        assert [one["passed"] for one in failed.value.context["verifications"]] == [False]


def test_what_the_host_lacks_says_nothing_of_the_backup(server_pool: ServerPool) -> None:
    server_pool.get("pg18")
    with open_folder() as folder, marked_server("pg18", folder) as marked:
        with (marked.server.data_dir / "postgresql.conf").open("a") as settings:
            settings.write("shared_preload_libraries = 'not_on_this_host'\n")
        marked.backup()
        with pytest.raises(NotFoundError, match="does not start.*not_on_this_host"):
            drilled(marked.repository, server_programs=programs("pg18"))
        assert not list(Path(marked.repository).rglob("verifications.json"))
