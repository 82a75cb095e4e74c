# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine can be imported where Python lacks what only some systems have, and says so when it is used."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.timeout(1200)

ENGINE = Path(__file__).resolve().parents[2] / "plugins" / "module_utils"
WITHOUT = """
import os, signal, sys
for name in ("fcntl", "grp", "pwd", "resource", "termios", "pty", "tty", "syslog"):
    sys.modules[name] = None
for module, names in (
    (signal, ("SIGHUP", "SIGKILL", "SIGUSR1", "SIGUSR2", "pthread_sigmask")),
    (os, ("O_CLOEXEC", "O_DIRECTORY", "O_NOFOLLOW", "O_NONBLOCK", "chown", "fchmod", "fchown", "fork", "geteuid",
          "getegid", "getuid", "killpg", "posix_fadvise", "register_at_fork", "setsid", "statvfs")),
):
    for name in names:
        if hasattr(module, name):
            delattr(module, name)
"""


def run(script: str, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT + script, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        timeout=1000,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_every_file_can_be_imported() -> None:
    files = [path.relative_to(ENGINE).with_suffix("") for path in sorted(ENGINE.rglob("*.py"))]
    names = [".".join(("dbfleet", *path.parts)) for path in files if path.stem not in {"__init__", "__main__"}]
    assert len(names) > 500
    script = "import importlib\nfor name in sys.argv[1:]:\n    importlib.import_module(name)\nprint(len(sys.argv) - 1)"
    assert run(script, *names).split() == [str(len(names))]


def test_what_is_missing_is_named() -> None:
    script = (
        "from dbfleet.errors import UsageError\nfrom dbfleet.posix_only import fcntl, signals\n"
        "assert signals('SIGINT', 'SIGHUP') == (signal.SIGINT,)\n"
        "try:\n    fcntl.flock(0, 0)\nexcept UsageError as error:\n    print(error.message)"
    )
    assert "whose Python has no fcntl.flock" in run(script)


def test_the_command_says_what_it_is() -> None:
    assert run("sys.argv[1:] = ['--version']\nfrom dbfleet.cli.start import main\nmain()").startswith("dbfleet ")
