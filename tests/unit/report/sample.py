# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Overviews of a fleet that has a bit of everything, for looking at the report."""

from __future__ import annotations

import datetime
from typing import Any

from dbfleet.overview import worst

NOW = datetime.datetime(2026, 11, 23, 6, 30, tzinfo=datetime.timezone.utc)
DAY = 86400.0


def moment(seconds_ago: float) -> str:
    return f"{NOW - datetime.timedelta(seconds=seconds_ago):%Y-%m-%dT%H:%M:%SZ}"


def backup(age: float, size: float, *, good: bool = True, partial: bool = False, number: int = 0) -> dict[str, Any]:
    return {
        "id": f"{NOW - datetime.timedelta(seconds=age):%Y%m%dT%H%M%SZ}-logical",
        "kind": "logical",
        "path": "/srv/backups/production/shop/x",
        "started_at": moment(age),
        "finished_at": moment(age - 60),
        "duration": 40 + (number * 7) % 23 + size / 2e7,
        "size": int(size),
        "rows": int(size / 40),
        "table_count": 12,
        "format": "custom",
        "good": good,
        "partial": partial,
        "held": False,
        "encrypted": True,
        "verified_at": moment(age - 3600) if good else "",
        "warnings": 0,
    }


def verification(level: str, age: float, *, passed: bool = True, finding: str = "") -> dict[str, Any]:
    return {
        "level": level,
        "verified_at": moment(age),
        "passed": passed,
        "findings": [finding] if finding else [],
        "engine_version": "0.1.0",
        "duration": 12.5,
        "backup": "20261122T023000Z-logical",
        "age": age,
    }


def database(name: str, cluster: str = "production", **changes: Any) -> dict[str, Any]:
    """A database that stands well unless ``changes`` say something else."""
    size = changes.pop("size", 6e7)
    backups = [
        backup(day * DAY + 4 * 3600, size * (1 + (40 - day) / 90 + (day * 37 % 11) / 60), number=day)
        for day in range(54, -1, -1)
        if day % 17 != 3
    ]
    newest = backups[-1]
    return {
        "repository": "/srv/backups",
        "cluster": cluster,
        "database": name,
        "kind": "logical",
        "dbms": "postgresql",
        "server_version": "18.1",
        "objective": 26 * 3600.0,
        "newest": newest,
        "age": 4 * 3600.0,
        "count": len(backups),
        "total_size": sum(one["size"] for one in backups),
        "verification": [verification("checksums", 3 * 3600.0), verification("restore", 3 * DAY)],
        "window": None,
        "problems": [],
        "state": "ok",
        "backups": backups,
        **changes,
    }


def late(name: str) -> dict[str, Any]:
    found = database(name)
    old = [one for one in found["backups"] if one["started_at"] < moment(3 * DAY)]
    return {
        **found,
        "backups": old,
        "newest": old[-1],
        "age": 3 * DAY + 4 * 3600,
        "problems": ["the newest good backup is older than its objective"],
        "state": "critical",
    }


def broken(name: str) -> dict[str, Any]:
    found = database(name, cluster="warehouse", dbms="mariadb", server_version="11.8.3", size=9e9)
    bad = {**found["backups"][-1], "good": False}
    finding = "events.sql.zst: its content has another SHA-256 than the manifest says"
    return {
        **found,
        "backups": [*found["backups"][:-1], bad],
        "newest": found["backups"][-2],
        "age": DAY + 4 * 3600,
        "verification": [verification("checksums", 3600.0, passed=False, finding=finding)],
        "window": {
            "begins": moment(30 * DAY),
            "ends": moment(2 * DAY),
            "gap": "binlog.000040 is missing",
            "backups": 9,
        },
        "problems": ["the newest backup failed its verification", f"the last checksums verification failed: {finding}"],
        "state": "critical",
    }


def job(name: str, *, failures: int = 0, database: str = "") -> dict[str, Any]:
    outcome = "failure" if failures else "success"
    error = {"kind": "connect", "message": "connection to db3 refused", "hint": "is the server running?"}
    run = {
        "started_at": moment(4 * 3600.0),
        "finished_at": moment(4 * 3600.0 - 3),
        "duration": 3.1,
        "outcome": outcome,
        "exit_code": 1 if failures else 0,
        "error": error if failures else None,
        "result": {},
    }
    history = [
        {"started_at": moment(day * DAY + 4 * 3600), "duration": 3.0, "outcome": outcome, "error_kind": "connect"}
        for day in range(failures)
    ]
    problems = [f"the last {failures} of its runs failed: {error['message']}"] if failures else []
    return {
        "version": 1,
        "name": name,
        "job": "backup",
        "cluster": "production",
        "database": database,
        "repository": "/srv/backups",
        "objective": 93600,
        "last_run": run,
        "last_success_at": moment(3 * DAY) if failures else moment(4 * 3600.0),
        "last_failure_at": moment(4 * 3600.0) if failures else "",
        "next_due_at": moment(-20 * 3600.0),
        "runs": 60,
        "failures": failures,
        "consecutive_failures": failures,
        "history": history,
        "problems": problems,
        "state": "critical" if failures else "ok",
    }


def overview_of(host: str, databases: list[dict[str, Any]], **changes: Any) -> dict[str, Any]:
    found = {
        "version": 1,
        "host": host,
        "generated_at": moment(0),
        "repositories": [{"location": "/srv/backups", "error": "", "state": "ok"}],
        "databases": databases,
        "archives": [],
        "jobs": [],
        "damaged": [],
        **changes,
    }
    kinds = ("repositories", "databases", "archives", "jobs")
    return {**found, "state": worst(one["state"] for kind in kinds for one in found[kind])}


def archive(cluster: str) -> dict[str, Any]:
    return {
        "repository": "/srv/backups",
        "cluster": cluster,
        "kind": "binlogs",
        "log": "3e11fa47-71ca-11e1-9e33-c80aa9429562-20261001T000000Z",
        "updated_at": moment(42),
        "lag_seconds": 1.0,
        "lag_bytes": 4096,
        "silent": 42.0,
        "state": "ok",
    }


def fleet() -> list[dict[str, Any]]:
    """Three hosts: some databases late, broken or never backed up, most of them well."""
    window = {"begins": moment(40 * DAY), "ends": moment(90), "gap": "", "backups": 40}
    mysql = {"dbms": "mysql", "server_version": "8.4.6"}
    wells = [database(name, size=size) for name, size in (("billing", 2e9), ("catalogue", 4e8), ("customers", 7e7))]
    none = database("import staging", newest=None, age=None, backups=[], count=0, total_size=0, verification=[])
    none.update(problems=["there is no good backup"], state="critical")
    warned = database("search", verification=[], size=3e8)
    warned.update(problems=["the newest good backup came with warnings: 3 tables were empty"], state="warning")
    globals_ = database("", kind="globals", objective=0.0, size=4e4, verification=[])
    forum = [database(name, "forum", window=window, size=5e8, **mysql) for name in ("forum", "forum_archive")]
    return [
        overview_of(
            "db1.example.com",
            [late("shop"), *wells, warned, globals_],
            jobs=[job("shop-nightly", failures=3, database="shop"), job("billing-nightly", database="billing")],
        ),
        overview_of("db2.example.com", [*forum, none], archives=[archive("forum")]),
        overview_of(
            "db3.example.com",
            [broken("events")],
            repositories=[
                {"location": "/srv/backups", "error": "", "state": "ok"},
                {
                    "location": "s3://offsite/fleet?endpoint=https://storage.example.com",
                    "error": "cannot reach storage.example.com: connection refused",
                    "state": "critical",
                },
            ],
        ),
    ]
