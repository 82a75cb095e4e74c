# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command's guide names every option, and no other."""

from __future__ import annotations

import re
from pathlib import Path

from dbfleet.requests.options import every_option

GUIDE = Path(__file__).resolve().parents[3] / "docs" / "command.md"
# Options that are the command's own.
OWN = {
    "--dbms",
    "--other-password-file",
    "--help",
    "--version",
    "--password",
    "--password-file",
    "--check",
    "--dry-run",
    "--json",
    "--quiet",
    "--debug",
}


def test_the_guide_has_every_option_and_no_other() -> None:
    named = set(re.findall(r"--[a-z][a-z-]*", GUIDE.read_text(encoding="utf-8")))
    assert named == OWN | {flag for option in every_option() for flag in option.flags_in("")}


def test_the_guide_names_the_modules_option_beside_the_command_s() -> None:
    rows = [line.split("|") for line in GUIDE.read_text(encoding="utf-8").splitlines() if line.startswith("| `--")]
    # A flag may stand in several tables, one for each job.
    beside: dict[str, list[str]] = {}
    for row in rows:
        for flag in re.findall(r"`(--[a-z-]+)`", row[1]):
            beside.setdefault(flag, []).extend(re.findall(r"`([a-z_]+)`", row[2]))
    for option in every_option():
        for flag in option.flags_in(""):
            if option.jobs != ("info",):
                assert option.name in beside[flag]
