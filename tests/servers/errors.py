# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What can go wrong when a real server is wanted."""

from __future__ import annotations


class ServerUnavailable(Exception):
    """A build cannot be had or cannot run on this machine.

    Tests that need it are skipped with :attr:`reason`; the command line ends with it.
    """

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name}: {reason}")
        self.name = name
        self.reason = reason


class ServerStartError(Exception):
    """A build that is installed did not start: a mistake in its settings or in this package, never a reason to skip."""

    def __init__(self, name: str, reason: str, log: str) -> None:
        super().__init__(f"{name} did not start: {reason}\n--- end of its log ---\n{log}")
        self.name = name
        self.reason = reason
        self.log = log


class CommandFailed(Exception):
    """A helper program ended with a non-zero code."""

    def __init__(self, argv: list[str], returncode: int, output: str) -> None:
        super().__init__(f"{argv[0]} ended with code {returncode}: {output.strip()[-2000:]}")
        self.returncode = returncode
        self.output = output
