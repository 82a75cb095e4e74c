# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guide to fleets and the role's argument spec know every job and every flag."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from dbfleet.cli.job import job_arguments
from dbfleet.jobs.job import EVENTS
from dbfleet.requests.job_file import JOBS, ROLES

ROOT = Path(__file__).resolve().parents[3]
GUIDE = (ROOT / "docs" / "fleet.md").read_text(encoding="utf-8")


def test_the_guide_names_every_flag(capsys: pytest.CaptureFixture[str]) -> None:
    flags: set[str] = set()
    for command in ("run", "check", "notify", "validate"):
        with pytest.raises(SystemExit):
            job_arguments([command, "--help"])
        flags |= set(re.findall(r"--[a-z][a-z-]*", capsys.readouterr().out))
    section = GUIDE.partition("## The command")[2]
    assert flags == set(re.findall(r"--[a-z][a-z-]*", section))


def test_the_guide_names_every_job_and_every_event() -> None:
    assert {job for job in JOBS if f"| `{job}` |" in GUIDE} == set(JOBS)
    assert {event for event in EVENTS if f"- **{event}**" in GUIDE} == set(EVENTS)


def test_the_role_takes_what_the_command_takes() -> None:
    specs = yaml.safe_load((ROOT / "roles" / "schedule" / "meta" / "argument_specs.yml").read_text(encoding="utf-8"))
    job = specs["argument_specs"]["main"]["options"]["schedule_jobs"]["options"]
    assert set(job["job"]["choices"]) == set(JOBS)
    assert set(job["only_on"]["choices"]) == set(job["prefer"]["choices"]) == set(ROLES)


@pytest.mark.parametrize("role", ["schedule", "verify"])
def test_every_variable_of_a_role_has_a_default_and_a_line_in_its_readme(role: str) -> None:
    folder = ROOT / "roles" / role
    options = yaml.safe_load((folder / "meta" / "argument_specs.yml").read_text(encoding="utf-8"))
    options = options["argument_specs"]["main"]["options"]
    defaults = yaml.safe_load((folder / "defaults" / "main.yml").read_text(encoding="utf-8"))
    assert set(defaults) == set(options)
    assert {name: one["default"] for name, one in options.items() if "default" in one} == {
        name: value for name, value in defaults.items() if "default" in options[name]
    }
    readme = (folder / "README.md").read_text(encoding="utf-8")
    assert {name for name in options if f"`{name}`" not in readme} == set()
