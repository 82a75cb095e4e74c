# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Binlogs and backups in object storage, encrypted to who is not on the host."""

from __future__ import annotations

from pathlib import Path

import pytest

from dbfleet.backup import BackupRequest, Destination, backup
from dbfleet.errors import IdentityError
from dbfleet.mysql.binlog.archive import ArchiveRequest, ArchiveResult, archive_binlogs
from dbfleet.mysql.binlog.target import Target
from dbfleet.mysql.options import BackupOptions, RestoreOptions
from dbfleet.point_in_time import PointInTimeRequest, restore_to_moment
from dbfleet.progress import Progress
from dbfleet.repository.access import Access
from dbfleet.streams.age_keys import Identity
from dbfleet.streams.encryption import Encryption
from tests.integration.repository.stores import ACCESS, KEY, SECRET, running_store
from tests.servers.fixtures import ServerPool

from .binlog_support import CLUSTER, options
from .test_binlog_replay import content
from .test_point_in_time import FIRST


def test_an_encrypted_archive_in_object_storage(server_pool: ServerPool, tmp_path: Path) -> None:
    identity = Identity.generate()
    encryption = Encryption((identity.recipient,))
    with running_store("moto", tmp_path) as store, server_pool.fresh("mariadb118") as server:
        url = store.url()
        server.execute("CREATE DATABASE d CHARACTER SET utf8mb4")
        server.execute(FIRST, "INSERT INTO t (b) VALUES ('first')", database="d")
        destination = Destination(repository=url, cluster=CLUSTER, access=ACCESS, encryption=encryption)
        backup(BackupRequest(BackupOptions(options(server), "d"), destination), Progress())

        def archived() -> ArchiveResult:
            request = ArchiveRequest(
                options(server), repository=url, cluster=CLUSTER, encryption=encryption, access=ACCESS
            )
            return archive_binlogs(request, Progress())

        for number in range(4):
            server.execute(f"INSERT INTO t (b) VALUES (REPEAT('{number}', 700000))", database="d")
            assert archived().changed
            if number == 1:
                server.execute("FLUSH BINARY LOGS")
        want = content(server)
        stored = [key for key in store.keys(url) if "/%binlogs/" in key]
        assert all(key.endswith((".age", ".json")) or "/.lock" in key for key in stored), stored
        server.execute("DROP DATABASE d")

        def rewind(access: Access) -> None:
            target = RestoreOptions(options(server), "d", create=True)
            place = Target(gtid=reached)
            restore_to_moment(
                PointInTimeRequest(target, url, place, cluster=CLUSTER, database="d", access=access), Progress()
            )

        reached = str(server.execute("SELECT @@gtid_binlog_pos")[0][0])
        reached = f"0-1-{int(reached.rpartition('-')[2]) - 1}"
        with pytest.raises(IdentityError):
            rewind(ACCESS)
        rewind(Access(s3_access_key=KEY, s3_secret_key=SECRET, identity=identity.text))
        assert content(server) == want
