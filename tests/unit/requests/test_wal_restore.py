# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import datetime
from typing import Any

import pytest

from dbfleet.errors import UsageError
from dbfleet.physical_backup import PhysicalBackupRequest
from dbfleet.postgresql.wal.archive_job import WalArchiveRequest
from dbfleet.requests.options import argument_spec_of_wal
from dbfleet.requests.wal_pitr import wal_pitr_request
from dbfleet.wal_restore_plan import WalRestoreRequest

UTC = datetime.timezone.utc


def params(state: str, **given: Any) -> dict[str, Any]:
    """As the module gets them: every option, with the defaults."""
    spec = argument_spec_of_wal()
    return {**{name: argument.get("default") for name, argument in spec.items()}, "state": state, **given}


def restored(**given: Any) -> WalRestoreRequest:
    values = {"repository": "/backups", "data_folder": "/srv/data", **given}
    request = wal_pitr_request(params("restored", **values), check=False)
    assert isinstance(request, WalRestoreRequest)
    return request


def test_each_state_has_its_request() -> None:
    where = {"repository": "/backups", "cluster": "shop"}
    assert isinstance(wal_pitr_request(params("backup", **where), check=True), PhysicalBackupRequest)
    assert isinstance(wal_pitr_request(params("archived", **where), check=True), WalArchiveRequest)
    request = wal_pitr_request(params("restored", **where, data_folder="/srv/x/../data"), check=True)
    assert isinstance(request, WalRestoreRequest)
    assert (request.check, request.data_folder, request.cluster, request.backup) == (
        True,
        "/srv/data",
        "shop",
        "latest",
    )
    assert request.target.is_latest
    assert (request.target.timeline, request.target.action) == ("latest", "promote")


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-22 03:15:00+01", datetime.datetime(2026, 11, 22, 2, 15, tzinfo=UTC)),
        ("2026-11-22T03:15:00Z", datetime.datetime(2026, 11, 22, 3, 15, tzinfo=UTC)),
        ("2026-11-22 03:15:00+0130", datetime.datetime(2026, 11, 22, 1, 45, tzinfo=UTC)),
        ("2026-11-22", datetime.datetime(2026, 11, 22).astimezone(UTC)),
        ("2026-11-22 03:15:00.12-02:30", datetime.datetime(2026, 11, 22, 5, 45, 0, 120000, tzinfo=UTC)),
        ("2026-11-22 03:15:00.1234567 UTC", datetime.datetime(2026, 11, 22, 3, 15, 0, 123456, tzinfo=UTC)),
        ("2026-11-22 03:15", datetime.datetime(2026, 11, 22, 3, 15).astimezone(UTC)),
    ],
)
def test_times(text: str, moment: datetime.datetime) -> None:
    assert restored(target_time=text).target.time == moment


def test_targets() -> None:
    assert restored(target_lsn="16/B374D848").target.lsn == 0x16B374D848
    # The upper half of what txid_current() gives is no part of what stands in the log.
    assert restored(target_xid=str((3 << 32) + 567), target_exclusive=True).target.xid == 567
    assert restored(target_name="before the release", target_action="pause").target.action == "pause"
    assert restored(target_immediate=True).target.immediate
    assert restored(target_latest=True, target_timeline="3").target.timeline == "3"


def test_tablespaces() -> None:
    given = ["/old=/new", "16384=/srv/fast/", "/a\\=b=/c"]
    assert restored(tablespace_mapping=given).tablespace_mapping == (
        ("/old", "/new"),
        ("16384", "/srv/fast"),
        ("/a=b", "/c"),
    )


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"repository": None}, "repository is missing"),
        ({"data_folder": None}, "data_folder is missing"),
        ({"target_time": "now", "target_lsn": "0/1"}, "exclude each other"),
        ({"target_time": "tomorrow"}, "is no time"),
        ({"target_lsn": "12"}, "no place"),
        ({"target_xid": "2"}, "no transaction"),
        ({"target_xid": "\u0663\u0663"}, "no transaction"),
        ({"target_timeline": "newest"}, "no timeline"),
        ({"target_exclusive": True}, "means something only with"),
        ({"target_exclusive": True, "target_name": "x"}, "means something only with"),
        ({"tablespace_mapping": ["fast=/srv"]}, "which tablespace goes where"),
        ({"tablespace_mapping": ["/a=b"]}, "which tablespace goes where"),
        ({"tablespace_mapping": ["/a=/b=/c"]}, "which tablespace goes where"),
        ({"source": "/base", "backup": "20261122T000000Z-physical"}, "exclude each other"),
        ({"server_programs": "/usr/bin"}, "only together with"),
        ({"slot": "x"}, "slot means nothing to the state restored"),
        ({"dbms": "mysql"}, "WAL is PostgreSQL's"),
    ],
)
def test_refuses_what_makes_no_sense(given: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        restored(**given)
