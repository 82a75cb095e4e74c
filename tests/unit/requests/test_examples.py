# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The examples of every module are tasks that the module takes."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tools.collection_tree import NAME, NAMESPACE

PREFIX = f"{NAMESPACE}.{NAME}."
ROOT = Path(__file__).resolve().parents[3]
MODULES = sorted(path.stem for path in ROOT.glob("plugins/modules/[!_]*.py"))
# What templates make that stand for more than text.
MADE = {"overviews": [{}]}
# What a task says of itself, beside its module.
KEYWORDS = {
    "async", "become", "become_user", "changed_when", "check_mode", "delegate_to", "diff", "failed_when", "loop",
    "loop_control", "name", "no_log", "notify", "poll", "register", "run_once", "tags", "throttle", "until", "vars",
    "when",
}  # fmt: skip
# Runs a module's own checks of what it is given in a process of its own, since Ansible keeps them in globals. The
# engine is not reached: what the module would hand to it is where this stops.
CHECK = """
import importlib, json, sys
from ansible.module_utils.testing import patch_module_args
tasks = json.load(sys.stdin)
for name, arguments in tasks:
    module = importlib.import_module("plugins.modules." + name)
    module.run_module = lambda *words, **more: None
    with patch_module_args(arguments):
        module.main()
    print("taken")
"""


def examples(module: str) -> str:
    source = (ROOT / "plugins" / "modules" / f"{module}.py").read_text(encoding="utf-8")
    found = re.search(r'^EXAMPLES = r"""\n(.*?)"""', source, re.DOTALL | re.MULTILINE)
    assert found, module
    return found[1]


def tasks_in(node: Any) -> Iterator[dict[str, Any]]:
    """Every task below ``node``, a list of tasks, blocks or plays."""
    for item in node:
        inner = [
            item[name] for name in ("tasks", "pre_tasks", "post_tasks", "block", "rescue", "always") if name in item
        ]
        for tasks in inner:
            yield from tasks_in(tasks)
        if not inner:
            yield item


def without_templates(value: Any) -> Any:
    """``value`` as it could be once templates are replaced, by text."""
    if isinstance(value, dict):
        return {name: without_templates(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [without_templates(inner) for inner in value]
    return re.sub(r"\{\{.*?\}\}", "text", value) if isinstance(value, str) else value


def own_tasks(text: str) -> list[tuple[str, dict[str, Any]]]:
    """The tasks of ``text`` that run a module of this collection: its name and its arguments."""
    found = []
    for task in tasks_in(yaml.safe_load(text)):
        (action,) = [name for name in task if name not in KEYWORDS]
        if action.startswith(PREFIX):
            arguments = without_templates(task[action])
            arguments.update({name: MADE[name] for name in MADE if arguments.get(name) == "text"})
            found.append((action.removeprefix(PREFIX), arguments))
    return found


def outcome(tasks: list[tuple[str, dict[str, Any]]]) -> str:
    """What the modules say of the arguments: ``taken`` for each, up to the first that is not."""
    done = subprocess.run(
        [sys.executable, "-c", CHECK],
        input=json.dumps(tasks),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        timeout=280,
        check=False,
    )
    return done.stdout


def test_every_module_takes_its_examples() -> None:
    tasks = [task for module in MODULES for task in own_tasks(examples(module))]
    assert {name for name, _arguments in tasks} == set(MODULES)
    assert outcome(tasks).splitlines() == ["taken"] * len(tasks)


@pytest.mark.parametrize("module", MODULES)
def test_an_example_is_named_and_of_its_module(module: str) -> None:
    tasks = list(tasks_in(yaml.safe_load(examples(module))))
    assert all(task.get("name") for task in tasks)
    assert PREFIX + module in {key for task in tasks for key in task}


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"repository": "/r", "database": "shop", "dbms": "oracle"}, "value of dbms must be one of"),
        ({"repository": "/r", "database": "shop", "dbms": "mysql", "colour": "red"}, "Unsupported parameters"),
        ({"repository": "/r", "database": "shop"}, "missing required arguments: dbms"),
        ({"dbms": "mysql", "database": "shop"}, "one of the following is required: repository, dest"),
    ],
    ids=["choice", "unknown", "required", "one of"],
)
def test_an_example_that_is_wrong_would_be_found(arguments: dict[str, Any], complaint: str) -> None:
    assert complaint in outcome([("native_backup", arguments)])


def test_the_guides_tasks_are_taken() -> None:
    tasks = []
    for path in [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md"))]:
        for block in re.findall(r"^```yaml\n(.*?)^```", path.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE):
            loaded = yaml.safe_load(block)
            if PREFIX in block and isinstance(loaded, list) and "roles" not in loaded[0]:
                tasks += own_tasks(block)
    assert len(tasks) > 10
    assert outcome(tasks).splitlines() == ["taken"] * len(tasks)
