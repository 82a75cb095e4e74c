# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import dataclasses
import json

from dbfleet.cli.output import backup_text, error_data, error_text, info_text, json_line, restore_text
from dbfleet.errors import NotFoundError
from dbfleet.repository.records import BackupContents, FileRecord, Manifest, ServerIdentity, TableRecord
from dbfleet.summary import backup_summary

SHOP = Manifest(
    id="20261122T124118Z-logical",
    kind="logical",
    cluster="db1-5432",
    database="shop",
    server=ServerIdentity("postgresql", "16.15", 160015, "db1", 5432, "7439812345678901234"),
    contents=BackupContents(
        format="custom",
        artifact="shop.dump",
        compression="gzip:6",
        snapshot={"lsn": "0/1A2B3C4"},
        tables=(
            TableRecord("public", "orders", 200000, 31415926, "9f86d081884c7d659a2feaa0c55ad015" * 2),
            TableRecord("public", "odd\x1b[2J name", 3, 99, "0b822cd15d6c15b0f00a089f86d08188" * 2),
        ),
        objects={"table": 2, "index": 3},
    ),
    files=(FileRecord("shop.dump", 18273645, "9f86d081884c7d659a2feaa0c55ad015" * 2),),
    engine_version="0.1.0",
    started_at="2026-11-22T12:41:18+00:00",
    finished_at="2026-11-22T12:41:31+00:00",
    duration=12.734,
)
FORUM = dataclasses.replace(
    SHOP,
    database="forum",
    server=ServerIdentity("mariadb", "10.11.19-MariaDB", 101119, "/run/mysqld/mysqld.sock", 3306),
    warnings=("the binary log is off",),
)
SHOP_DATA = backup_summary(SHOP, path="/backups/db1-5432/shop/20261122T124118Z-logical")
FORUM_DATA = backup_summary(FORUM, path="/backups/db1-5432/forum/20261122T124118Z-logical")

CATALOGUE = """\
CLUSTER   DATABASE  BACKUP                    SERVER                    FORMAT             SIZE     ROWS  TABLES    TOOK
db1-5432  shop      20261122T124118Z-logical  postgresql 16.15          custom gzip:6  17.4 MiB  200,003       2  12.7 s
db1-5432  forum     20261122T124118Z-logical  mariadb 10.11.19-MariaDB  custom gzip:6  17.4 MiB  200,003       2  12.7 s
"""

DETAILS = """\
backup 20261122T124118Z-logical
  kind        logical
  server      mariadb 10.11.19-MariaDB, /run/mysqld/mysqld.sock port 3306
  cluster     db1-5432
  database    forum
  path        /backups/db1-5432/forum/20261122T124118Z-logical
  format      custom, gzip:6
  size        17.4 MiB in 1 file
  rows        200,003 in 2 tables
  objects     3 index, 2 table
  snapshot    lsn 0/1A2B3C4
  started     2026-11-22T12:41:18+00:00
  took        12.7 s
  written by  dbfleet 0.1.0
  warning     the binary log is off

TABLE                      ROWS       BYTES  SHA-256
public.orders           200,000  31,415,926  9f86d081884c7d65
public.odd\\x1b[2J name        3          99  0b822cd15d6c15b0
"""


def test_catalogue() -> None:
    assert info_text({"backups": [SHOP_DATA, FORUM_DATA]}) == CATALOGUE


def test_empty_catalogue() -> None:
    assert info_text({"backups": []}) == "no backups\n"


def test_one_backup_with_its_tables() -> None:
    assert info_text({"backups": [FORUM_DATA], "backup": FORUM_DATA}) == DETAILS


def test_backup_that_was_made() -> None:
    text = backup_text({"changed": True, "backup": SHOP_DATA}, check=False)
    assert text.splitlines() == [
        "backed up database shop",
        "  id    20261122T124118Z-logical",
        "  path  /backups/db1-5432/shop/20261122T124118Z-logical",
        "  size  17.4 MiB",
        "  rows  200,003 in 2 tables",
        "  took  12.7 s",
    ]


def test_backup_that_was_not_needed() -> None:
    for check in (False, True):
        text = backup_text({"changed": False, "backup": SHOP_DATA}, check=check)
        assert text.startswith("nothing to do: backup 20261122T124118Z-logical is young enough\n")


def test_restore() -> None:
    restore = {
        "source": "/backups/shop.dump",
        "database": "shop2",
        "verified": "checksums and structure",
        "dropped": ["table public.orders"],
        "tables": [{"schema": "public", "name": "orders", "rows": 1234}],
        "rows": 1234,
        "duration": 61,
    }
    assert restore_text({"changed": True, "restore": restore}, check=False).splitlines() == [
        "restored database shop2",
        "  from     /backups/shop.dump",
        "  checked  checksums and structure",
        "  dropped  1 object",
        "  rows     1,234 in 1 table",
        "  took     1:01",
    ]
    assert "would drop  1 object" in restore_text({"changed": True, "restore": restore}, check=True)


def test_error() -> None:
    error = NotFoundError("there is no\x1b[2J file", hint="look elsewhere", path="/x")
    assert error_text(error) == "error: there is no\\x1b[2J file\nhint: look elsewhere\n"
    assert json.loads("".join(json_line(error_data(error)))) == {"failed": True, "error": error.details()}


def test_json_is_one_line_of_ascii() -> None:
    line = "".join(json_line({"name": "顧客\n\udcff"}))
    assert line.isascii()
    assert line.count("\n") == 1


def test_json_of_very_many_values_comes_in_pieces() -> None:
    data = {"tables": [{"name": f"t{number}", "rows": number} for number in range(20_000)]}
    pieces = list(json_line(data))
    assert len(pieces) > 5
    assert "".join(pieces) == json.dumps(data) + "\n"
