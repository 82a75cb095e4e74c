# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role schedule on this host: its files and cron for real; of its units what systemd says of them.

Real units on real hosts are what the fleet's scenarios have.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROLE = Path("ansible_collections") / "dbfleet" / "backup" / "roles" / "schedule"
DBFLEET = Path(sys.executable).parent / "dbfleet"
JOBS: list[dict[str, Any]] = [
    {
        "name": "tidy.up",
        "job": "prune",
        "options": {"keep_last": 3},
        "cron": "5 4 * * *",
        "on_calendar": ["02:00", "14:00"],
        "success_within": "26h",
        "secrets": {"webhook_url": "http://127.0.0.1:9/secret-path"},
        "notify": {"events": ["silence"]},
    },
    {
        "name": "binlogs",
        "job": "binlog_archive",
        "options": {"follow": True},
        "read_write_paths": ["/srv/spool"],
        "memory_max": "1G",
        "notify": {"mail": {"command": ["/usr/sbin/sendmail", "-t"], "to": ["dba@example.com"]}},
    },
]


class Host:
    """A part of this host that the role may do as it likes with."""

    def __init__(self, environment: dict[str, str], folder: Path) -> None:
        self.environment = environment
        self.folder = folder

    def variables(self, **changes: Any) -> dict[str, Any]:
        return {
            "ansible_python_interpreter": sys.executable,
            "schedule_scheduler": "cron",
            "schedule_command": str(DBFLEET),
            "schedule_user": "root",
            "schedule_group": "root",
            "schedule_config_folder": f"{self.folder}/etc",
            "schedule_status_folder": f"{self.folder}/status",
            "schedule_unit_folder": f"{self.folder}/units",
            "schedule_cron_file": f"{self.folder}/cron",
            "schedule_job_defaults": {"options": {"repository": f"{self.folder}/repository"}},
            "schedule_connection": {"login_user": "backup"},
            "schedule_connection_secrets": {"login_password": "pass-word"},
            "schedule_jobs": [*JOBS, self.metrics],
            **changes,
        }

    @property
    def metrics(self) -> dict[str, Any]:
        """A job that looks at the repository of the others."""
        options = {"output": f"{self.folder}/collector/dbfleet.prom", "objective": "26h"}
        return {"name": "metrics", "job": "metrics", "options": options, "cron": "* * * * *", "on_calendar": "*:0/5"}

    def play(self, play: dict[str, Any], *words: str, **changes: Any) -> tuple[int, str]:
        playbook, given = self.folder / "playbook.json", self.folder / "variables.json"
        playbook.write_text(json.dumps([{"hosts": "localhost", "gather_facts": False, **play}]))
        given.write_text(json.dumps(self.variables(**changes)))
        done = subprocess.run(
            ["ansible-playbook", "-i", "localhost,", "-c", "local", "-e", f"@{given}", *words, str(playbook)],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=900,
            check=False,
        )
        return done.returncode, done.stdout

    def role(self, *words: str, **changes: Any) -> tuple[int, int, str]:
        """Run the role: the exit code, how many tasks changed something, and the output."""
        code, output = self.play({"roles": ["dbfleet.backup.schedule"]}, *words, **changes)
        changed = re.search(r"changed=(\d+)", output)
        return code, int(changed.group(1)) if changed else -1, output

    def files(self) -> dict[str, str]:
        return {
            str(path.relative_to(self.folder)): oct(path.stat().st_mode & 0o7777)
            for path in sorted(self.folder.rglob("*"))
            if path.name not in ("playbook.json", "variables.json")
        }


@pytest.fixture
def host(collection: dict[str, str], tmp_path: Path) -> Host:
    (tmp_path / "units").mkdir()
    return Host(collection, tmp_path)


@pytest.mark.timeout(3600)
@pytest.mark.skipif(os.geteuid() != 0, reason="the role gives files to root")
def test_jobs_come_stay_change_and_go(host: Host) -> None:
    code, changed, output = host.role("--check", "--diff")
    assert (code, changed > 0) == (0, True), output
    assert host.files() == {"units": "0o755"}

    code, _changed, output = host.role("--diff")
    assert code == 0, output
    for secret in ("pass-word", "secret-path"):
        assert secret not in output
        assert not [path for path in host.folder.glob("*/jobs/*") if secret in path.read_text()]
    modes = host.files()
    assert modes["etc/secrets/binlogs/login_password"] == "0o600"
    assert modes["etc/secrets/tidy.up/webhook_url"] == "0o640"
    assert (modes["etc/jobs/tidy.up.json"], modes["status"], modes["repository"]) == ("0o640", "0o2770", "0o700")
    tidy = json.loads((host.folder / "etc/jobs/tidy.up.json").read_text())
    assert tidy["options"] == {"repository": f"{host.folder}/repository", "keep_last": 3}
    assert tidy["secrets"] == {"webhook_url": f"{host.folder}/etc/secrets/tidy.up/webhook_url"}
    assert modes["collector"] == "0o755"
    assert json.loads((host.folder / "etc/jobs/metrics.json").read_text())["options"] == {
        "repositories": [f"{host.folder}/repository"],
        "status_folder": f"{host.folder}/status",
        **host.metrics["options"],
    }

    code, changed, output = host.role()
    assert (code, changed) == (0, 0), output
    # What cron would do, but for the log.
    (line,) = [text for text in (host.folder / "cron").read_text().splitlines() if " run tidy.up " in text]
    assert line.startswith("5 4 * * * root nice -n 10 ")
    command = line.split(" root ", 1)[1].partition(" 2>&1")[0]
    done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "is not a dbfleet repository" in done.stderr
    assert json.loads((host.folder / "status/tidy.up.json").read_text())["failures"] == 1

    code, _changed, output = host.role(schedule_jobs=JOBS[1:])
    assert code == 0, output
    assert [name for name in host.files() if "tidy.up" in name or "metrics" in name] == []
    assert "etc/secrets/binlogs/login_password" in host.files()

    code, _changed, output = host.role(schedule_state="absent")
    assert code == 0, output
    assert sorted(host.files()) == ["collector", "etc", "repository", "units"]


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not on this machine")
def test_what_systemd_says_of_the_units(host: Host) -> None:
    role = Path(host.environment["ANSIBLE_COLLECTIONS_PATH"].split(":")[0]) / ROLE
    units = host.folder / "units"
    template = {"ansible.builtin.template": {"mode": "0644"}}
    tasks: list[dict[str, Any]] = []
    for kind in ("service", "timer"):
        tasks.append(
            {
                "ansible.builtin.template": {
                    "src": str(role / "templates" / f"job.{kind}.j2"),
                    "dest": f"{units}/dbfleet-job-{{{{ item.name }}}}.{kind}",
                    **template["ansible.builtin.template"],
                },
                "loop": "{{ schedule__jobs if '" + kind + "' == 'service' else schedule__timed }}",
            }
        )
        tasks.append(
            {
                "ansible.builtin.template": {
                    "src": str(role / "templates" / f"check.{kind}.j2"),
                    "dest": f"{units}/dbfleet-check.{kind}",
                    **template["ansible.builtin.template"],
                }
            }
        )
    files = [str(role / name / "main.yml") for name in ("defaults", "vars")]
    code, output = host.play({"vars_files": files, "tasks": tasks}, schedule_scheduler="systemd")
    assert code == 0, output
    text = (units / "dbfleet-job-tidy.up.service").read_text()
    assert f"LoadCredential=tidy.up.webhook_url:{host.folder}/etc/secrets/tidy.up/webhook_url\n" in text
    assert f"ReadWritePaths={host.folder}/collector\n" in (units / "dbfleet-job-metrics.service").read_text()
    assert "pass-word" not in "".join(path.read_text() for path in units.iterdir())
    names = [str(path) for path in sorted(units.iterdir())]
    verified = subprocess.run(
        ["systemd-analyze", "verify", "--recursive-errors=no", "--man=no", *names],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    complaints = [line for line in verified.stderr.splitlines() if "dbfleet-" in line]
    assert (verified.returncode, complaints) == (0, []), verified.stderr
    for name in ("dbfleet-job-tidy.up.service", "dbfleet-job-binlogs.service", "dbfleet-job-metrics.service"):
        judged = subprocess.run(
            ["systemd-analyze", "security", "--offline=true", "--threshold=30", "--no-pager", str(units / name)],
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert judged.returncode == 0, judged.stdout + judged.stderr
        assert "OK" in judged.stdout.splitlines()[-1]
