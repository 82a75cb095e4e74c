# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Running tasks by ansible-playbook from an export of the collection."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tools.collection_tree import exported_collection, tool_environment

Task = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Played:
    """What a playbook did.

    :param results: of every task.
    :param output: everything that ansible-playbook has shown.
    """

    results: list[dict[str, Any]]
    output: str


@dataclasses.dataclass(frozen=True)
class Playbooks:
    """Runs tasks with the collection."""

    environment: dict[str, str]
    folder: Path

    def play(self, *tasks: Task, python: str = sys.executable, options: Sequence[str] = (), **play: Any) -> Played:
        """Run the tasks on this host, going on after one that fails; their progress is shown where ``vars`` say so."""
        results = self.folder / "results.json"
        registered = [
            {"name": f"Task {number}", "register": f"result_{number}", "ignore_errors": True, **task}
            for number, task in enumerate(tasks)
        ]
        content = ", ".join(task["register"] for task in registered)
        keep = {
            "name": "Keep the results",
            "ansible.builtin.copy": {"content": "{{ [" + content + "] | to_json }}", "dest": str(results)},
            "check_mode": False,
            "diff": False,
            "no_log": True,
        }
        playbook = self.folder / "playbook.json"
        # To watch a module takes several commands more.
        play["vars"] = {"dbfleet_progress_interval": 0, **play.get("vars", {})}
        playbook.write_text(
            json.dumps([{"hosts": "localhost", "gather_facts": False, "tasks": [*registered, keep], **play}])
        )
        words = ["ansible-playbook", "-i", "localhost,", "-c", "local", "-e", f"ansible_python_interpreter={python}"]
        done = subprocess.run(
            [*words, *options, str(playbook)],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=240,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        return Played(json.loads(results.read_text()), done.stdout)


@pytest.fixture(scope="session")
def collection() -> Iterator[dict[str, str]]:
    """The environment in which Ansible finds the collection."""
    with exported_collection() as root:
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "MYSQL", "DBFLEET"))}
        tools = tool_environment(root)
        names = ("ANSIBLE_COLLECTIONS_PATH", "ANSIBLE_HOME", "PATH")
        yield {
            **clean,
            **{name: tools[name] for name in names},
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_LOCALHOST_WARNING": "0",
            "ANSIBLE_INVENTORY_UNPARSED_WARNING": "0",
        }


@pytest.fixture
def playbooks(collection: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Playbooks:
    return Playbooks(collection, tmp_path_factory.mktemp("playbook"))
