# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host with scheduled jobs, as far as ``dbfleet job`` sees it: folders."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any


@dataclasses.dataclass(frozen=True)
class Host:
    """The folders of a host with jobs."""

    folder: Path

    def write(self, name: str, **fields: Any) -> None:
        jobs = self.folder / "jobs"
        jobs.mkdir(parents=True, exist_ok=True)
        (jobs / f"{name}.json").write_text(json.dumps({"version": 1, **fields}))

    def secret(self, name: str, text: str) -> None:
        path = self.folder / "credentials" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o600)

    def words(self, *words: str) -> list[str]:
        folders = [
            *("--jobs-folder", str(self.folder / "jobs")),
            *("--status-folder", str(self.folder / "status")),
        ]
        return [sys.executable, "-m", "dbfleet.cli", "job", *words, *folders]

    def environment(self) -> dict[str, str]:
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "MYSQL", "DBFLEET"))}
        return {**clean, "CREDENTIALS_DIRECTORY": str(self.folder / "credentials")}

    def job(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.words(*words), env=self.environment(), capture_output=True, text=True, timeout=240, check=False
        )

    def started(self, *words: str) -> subprocess.Popen[str]:
        """A run that is not waited for."""
        return subprocess.Popen(
            self.words(*words), env=self.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def status(self, name: str) -> dict[str, Any]:
        loaded = json.loads((self.folder / "status" / f"{name}.json").read_text())
        assert isinstance(loaded, dict)
        return loaded
