# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Environments in the cache for programs that need other versions of some packages than the project's tools."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.servers.paths import cache_dir


def environment_with(*packages: str, python: Path = Path(sys.executable)) -> Path:
    """The environment with exactly these pinned packages (``name==version``), made when it is not there.

    :param python: the interpreter it is for.
    :return: its folder.
    """
    probe = "import sys; print('%d.%d' % sys.version_info[:2])"
    version = subprocess.run([python, "-c", probe], check=True, stdout=subprocess.PIPE, encoding="utf-8").stdout.strip()
    folder = cache_dir() / "-".join([*(package.replace("==", "-") for package in packages), version])
    complete = folder / "complete"
    if not complete.exists():
        subprocess.run([python, "-m", "venv", "--clear", folder], check=True)
        words = [folder / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*words, *packages], check=True)
        complete.touch()
    return folder
