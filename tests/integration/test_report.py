# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Metrics and the report of backups that were really made: by the command, the module and the playbook."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from dbfleet.job_status import JobRun, JobStatus, write_status
from tests.integration.doors import ROWS, World, filled_world
from tests.integration.playbooks import Playbooks

COMMAND = [sys.executable, "-m", "dbfleet.cli"]


@pytest.fixture
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    with filled_world("postgresql", request.getfixturevalue("pg_latest_database")) as made:
        yield made


def run(world: World | None, *words: str, code: int = 0) -> str:
    environment = {**os.environ, **({world.password_variable: world.password} if world else {})}
    done = subprocess.run([*COMMAND, *words], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    return done.stdout


@pytest.fixture
def repository(world: World, tmp_path: Path) -> Path:
    folder = tmp_path / "repository"
    options = ["--repository", str(folder), "--cluster", 'odd "name"\\', "--quiet"]
    run(world, "backup", "postgresql", *world.connection(), "--database", world.name, *options)
    run(None, "verify", str(folder), "--quiet")
    return folder


def series(text: str) -> dict[str, list[tuple[dict[str, str], float]]]:
    """Metrics as the official client reads them."""
    found: dict[str, list[tuple[dict[str, str], float]]] = {}
    for family in text_string_to_metric_families(text):
        assert family.documentation
        for sample in family.samples:
            found.setdefault(sample.name, []).append((sample.labels, sample.value))
    return found


def test_metrics(world: World, repository: Path, tmp_path: Path) -> None:
    status = JobStatus(name="nightly", job="backup", objective=3600)
    moment = "2026-11-22T02:00:00Z"
    error = {"kind": "connect", "message": "refused", "hint": ""}
    status = status.after(JobRun(moment, moment, 2.5, "success")).after(JobRun(moment, moment, 1, "failure", 1, error))
    (tmp_path / "status").mkdir()
    write_status(str(tmp_path / "status"), status)
    output = tmp_path / "textfile" / "dbfleet.prom"
    output.parent.mkdir()
    words = ["--status-folder", str(tmp_path / "status"), "--objective", "26h", "--output", str(output)]
    run(None, "metrics", str(repository), str(tmp_path / "nowhere"), *words)

    found = series(output.read_text())
    labels = {
        "repository": str(repository),
        "cluster": 'odd "name"\\',
        "database": world.name,
        "kind": "logical",
        "dbms": "postgresql",
    }
    assert found["dbfleet_backup_rows"] == [(labels, ROWS)]
    ((_labels, ended),) = found["dbfleet_backup_last_success_timestamp_seconds"]
    assert 0 <= time.time() - ended < 120
    assert found["dbfleet_backup_objective_seconds"] == [(labels, 26 * 3600)]
    assert found["dbfleet_backup_size_bytes"][0][1] > 0
    assert found["dbfleet_verification_success"] == [({**labels, "level": "structure"}, 1)]
    assert [value for _labels, value in found["dbfleet_repository_up"]] == [1, 0]
    job = {"job_name": "nightly", "action": "backup"}
    assert found["dbfleet_job_failures_total"] == [(job, 1)]
    assert found["dbfleet_job_success"] == [(job, 0)]
    assert stat.S_IMODE(output.stat().st_mode) == 0o644
    assert os.listdir(output.parent) == ["dbfleet.prom"]

    # A database that is gone has no series any more.
    (backup,) = [path for path in repository.glob("*/*") if path.is_dir()]
    backup.rename(tmp_path / "gone")
    run(None, "metrics", str(repository), *words)
    assert "dbfleet_backup_rows" not in series(output.read_text())


def test_metrics_are_not_written_where_nobody_reads_them(tmp_path: Path) -> None:
    run(None, "metrics", str(tmp_path), "--output", str(tmp_path / "metrics.txt"), code=2)
    assert not list(tmp_path.iterdir())


def test_the_report_of_the_command(world: World, repository: Path, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    shown = json.loads(run(None, "report", str(repository), "--output", str(page), "--objective", "1h", "--json"))
    assert (shown["state"], shown["databases"]) == ("ok", {"ok": 1, "warning": 0, "critical": 0})
    (database,) = shown["overview"]["databases"]
    assert database["newest"]["rows"] == ROWS
    assert database["verification"][0]["passed"] is True
    assert world.name in page.read_text()
    assert stat.S_IMODE(page.stat().st_mode) == 0o600

    # Neither a backup that was verified as bad nor one that is too old is well.
    (artifact,) = repository.glob("*/*/*/*.dump")
    data = bytearray(artifact.read_bytes())
    data[len(data) // 2] ^= 1
    artifact.write_bytes(data)
    run(None, "verify", str(repository), "--quiet", code=1)
    shown = json.loads(run(None, "report", str(repository), "--output", str(page), "--json"))
    assert shown["state"] == "critical"
    assert "there is no good backup" in page.read_text()


def test_the_playbook(world: World, repository: Path, playbooks: Playbooks, tmp_path: Path) -> None:
    inventory = tmp_path / "inventory.json"
    hosts: dict[str, Any] = {
        "one": {"dbfleet_report_repositories": [str(repository)]},
        "two": {"dbfleet_report_repositories": [str(tmp_path / "nowhere")]},
    }
    connection = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    inventory.write_text(json.dumps({"all": {"hosts": hosts, "vars": connection}}))
    page = tmp_path / "fleet.html"
    words = ["ansible-playbook", "-i", str(inventory), "dbfleet.backup.report", "-e", f"dbfleet_report_output={page}"]
    done = subprocess.run(words, env=playbooks.environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert f"{page}: critical, 0 of 1 databases critical" in " ".join(done.stdout.split())
    text = page.read_text()
    assert world.name in text
    assert str(tmp_path / "nowhere") in text
    failing = [*words, "-e", "dbfleet_report_fail=true"]
    done = subprocess.run(failing, env=playbooks.environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "Something is critical" in done.stdout
