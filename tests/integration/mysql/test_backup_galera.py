# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A member of a Galera cluster: its backup has the cluster's state, and says nothing of it elsewhere."""

from __future__ import annotations

import threading
from pathlib import Path

from tests import servers
from tests.servers import Server
from tests.servers.install import install
from tests.servers.registry import Build, DebianPackages

from .backup_support import back_up
from .directory_support import back_up_folder
from .restore_support import connected, picture, restore, scratch

# Another name than the programs': there is none, the server loads the library.
_GALERA = Build("galera", DebianPackages("bookworm", ("galera-4",)), ())


def _state(server: Server) -> dict[str, str]:
    return dict(server.execute("SHOW STATUS LIKE 'wsrep_%'"))


def test_the_state_of_the_cluster_is_in_the_manifest(tmp_path: Path) -> None:
    library = install(_GALERA) / "usr/lib/galera/libgalera_smm.so"
    settings = {
        "wsrep_on": "ON",
        "wsrep_provider": str(library),
        "wsrep_cluster_address": "gcomm://",
        "wsrep_cluster_name": "zoo",
        "wsrep_node_address": "127.0.0.1",
        "wsrep-new-cluster": "",
        "binlog_format": "ROW",
        "innodb_autoinc_lock_mode": "2",
    }
    with servers.start("mariadb1011", extra_config=settings) as server, scratch(server) as source:
        with connected(server, source) as cursor:
            cursor.execute("CREATE TABLE t (i INT PRIMARY KEY AUTO_INCREMENT) ENGINE=InnoDB")
            cursor.execute("INSERT INTO t VALUES (1), (2)")
        before = _state(server)
        made = back_up(server, source, tmp_path)
        galera = made.contents.snapshot["galera"]
        assert galera == {
            "cluster": "zoo",
            "uuid": before["wsrep_local_state_uuid"],
            "seqno": int(before["wsrep_last_committed"]),
            "state": "Synced",
        }
        (tmp_path / "jobs").mkdir()
        folder = _under_writes(server, source, tmp_path / "jobs")
        assert folder >= galera["seqno"]
        with scratch(server) as target:
            # What is restored into a member reaches the others as usual.
            restore(server, target, made.path, tmp_path)
            assert len(picture(server, target)) == 2
        assert int(_state(server)["wsrep_last_committed"]) > folder


def _under_writes(server: Server, database: str, folder: Path) -> int:
    """The cluster's number in a backup by several processes while rows come in."""
    ended = threading.Event()

    def write() -> None:
        with connected(server, database) as cursor:
            while not ended.is_set():
                cursor.execute("INSERT INTO t VALUES ()")

    writer = threading.Thread(target=write)
    writer.start()
    try:
        snapshot = back_up_folder(server, database, folder, jobs=2).contents.snapshot
    finally:
        ended.set()
        writer.join()
    assert snapshot["gtid"]
    return int(snapshot["galera"]["seqno"])
