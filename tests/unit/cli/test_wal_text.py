# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the commands of ``dbfleet wal`` say, and what retention says of logs."""

from __future__ import annotations

from typing import Any

from dbfleet.cli.prune_text import prune_text
from dbfleet.cli.wal_combine import combine_text
from dbfleet.cli.wal_restore import restore_text

_RESTORE: dict[str, Any] = {
    "data_folder": "/srv/trial",
    "owner": "postgres",
    "bytes": 2048,
    "tablespaces": {},
    "chain": ["20261122T000000Z-physical"],
    "target": "LSN 0/42",
    "timeline": 1,
    "wal": {"first": "", "last": "", "segments": 0},
    "staged": True,
    "window": "",
    "start": {"configuration": "", "command": "/usr/bin/pg_ctlcluster 17 main start"},
    "recovered": None,
}


def test_a_restore_says_how_far_the_server_came_and_where_it_runs() -> None:
    planned = restore_text({"restore": _RESTORE}, check=True)
    assert planned.endswith("would start the server by /usr/bin/pg_ctlcluster 17 main start\n")
    elsewhere = {**_RESTORE, "start": {"configuration": "/etc/pg\n.conf", "command": ""}}
    told = restore_text({"restore": elsewhere}, check=True).splitlines()[-1]
    assert told.startswith("  would start the server with /etc/pg")
    recovered = {"state": "promoted", "lsn": "0/42", "time": "2026-11-22T02:14:59Z", "timeline": 2, "running": True}
    done = {**_RESTORE, "recovered": {**recovered, "process": 4711, "port": 5433}}
    assert restore_text({"restore": done}, check=False).splitlines()[-2:] == [
        "  promoted at 0/42 on timeline 2, last transaction at 2026-11-22T02:14:59Z",
        "  the server runs as process 4711 on port 5433",
    ]
    without = {**_RESTORE, "start": None}
    assert "start" not in restore_text({"restore": without}, check=True)


def test_combining_says_what_came_of_what() -> None:
    backup = {"id": "c-physical", "path": "/r/c", "size": 1024, "duration": 61.0}
    done = {"changed": True, "backup": backup, "combined": ["a-physical", "b-physical"]}
    assert combine_text(done, check=False).startswith("full backup c-physical out of a-physical + b-physical: 1")
    planned = {**done, "backup": {"path": "/r"}}
    assert combine_text(planned, check=True) == "would put a-physical + b-physical together as a full backup in /r\n"
    nothing = {"changed": False, "backup": backup, "combined": []}
    for check in (False, True):
        assert combine_text(nothing, check=check) == "backup c-physical is a full one already: /r/c\n"


def test_retention_says_what_became_of_logs() -> None:
    data: dict[str, Any] = {"removed": [], "kept": [], "freed_bytes": 0}
    logs = {"removed": [{"kind": "wal", "size": 2048}], "kept": {"wal": 3, "binlog": 0}}
    assert prune_text({**data, "logs": logs}, check=True).splitlines()[1:] == [
        "1 files of WAL would be removed, 2.0 KiB; 3 stay"
    ]
    nothing = {"removed": [], "kept": {"wal": 0, "binlog": 0}}
    assert len(prune_text({**data, "logs": nothing}, check=False).splitlines()) == 1
