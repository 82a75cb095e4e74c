# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Who holds a lock, and whether that process can still be alive."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import typing as t

from ..lazy_dataclass import dataclass


@dataclass(frozen=True)
class LockOwner:
    """The process that holds a lock.

    :param machine: a digest of the machine's id; empty where it has none.
    :param boot: the kernel's id of this boot; empty where it cannot be told.
    :param namespace: the kernel's name of the process id namespace (containers have their own); empty likewise.
    :param process_start: when the process began, in the kernel's own measure; empty likewise.
    :param purpose: what it does, for the message that others see.
    """

    host: str
    machine: str
    boot: str
    namespace: str
    pid: int
    process_start: str
    purpose: str

    @classmethod
    def current(cls, purpose: str) -> LockOwner:
        """This process."""
        return cls(
            host=os.uname().nodename,
            machine=_machine_id(),
            boot=_first_line("/proc/sys/kernel/random/boot_id"),
            namespace=_pid_namespace(),
            pid=os.getpid(),
            process_start=_process_start(os.getpid()),
            purpose=purpose,
        )

    @classmethod
    def parse(cls, content: bytes) -> LockOwner | None:
        """What :meth:`render` wrote; ``None`` for anything else (the file may be being written)."""
        try:
            fields = json.loads(content)
        except (ValueError, RecursionError):
            return None
        names = {field.name: int if field.name == "pid" else str for field in dataclasses.fields(cls)}
        if not isinstance(fields, dict) or set(fields) != set(names):
            return None
        if any(fields[name].__class__ is not expected for name, expected in names.items()):
            return None
        return cls(**fields)

    def render(self) -> bytes:
        return json.dumps(dataclasses.asdict(self)).encode("ascii")

    def is_alive(self) -> bool | None:
        """Whether the process is alive, ``None`` where this process cannot know.

        A process id means something only within one boot and one namespace. A machine that booted since has lost all
        its processes; that it is the same machine needs more than its host name, which clones share.
        """
        here = LockOwner.current("")
        if self.host != here.host or not self.boot or not here.boot:
            return None
        if self.boot != here.boot:
            return False if self.machine and self.machine == here.machine else None
        if not self.namespace or self.namespace != here.namespace:
            return None
        return _is_running(self.pid, self.process_start)

    def describe(self) -> str:
        return f"{self.purpose}, process {self.pid} on {self.host}"

    def context(self) -> dict[str, t.Any]:
        return {"host": self.host, "pid": self.pid, "purpose": self.purpose}


def _is_running(pid: int, process_start: str) -> bool:
    if not 0 < pid < 1 << 31:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        # Another user's process of that number is alive; its start can tell whether it is the same one.
        pass
    found = _process_start(pid)
    return not found or found == process_start


def _process_start(pid: int) -> str:
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""


def _pid_namespace() -> str:
    try:
        return os.readlink("/proc/self/ns/pid")
    except OSError:
        return ""


def _machine_id() -> str:
    identity = _first_line("/etc/machine-id")
    # The id itself is not to leave its machine (machine-id(5)).
    return hashlib.sha256(f"dbfleet {identity}".encode()).hexdigest()[:16] if identity else ""


def _first_line(path: str) -> str:
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return file.readline().strip()
    except OSError:
        return ""
