# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A fleet: hosts in a network of their own that nobody outside can see."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.servers.process import start_time

from . import image, machine
from .errors import FleetError
from .host import Host, boot, create, kill, remove_cgroup, stop

_HERE = Path(__file__).resolve().parent
_BOOT_SECONDS = 300
_HOLDER_SECONDS = 60
# Nobody may be left who could tell the hosts to end.
_LIFETIME_SECONDS = 3 * 3600
#: Names a file whose lock the owner of a fleet holds: when nobody does any more, the fleet ends.
OWNER_VARIABLE = "DBFLEET_FLEET_OWNER"
_ADDRESSES = 200


class Fleet:
    """The hosts of one name. Another process that uses the same name has the same hosts."""

    def __init__(self, name: str = "fleet") -> None:
        machine.require()
        self.name = name
        self.folder = machine.fleet_dir(name)

    @property
    def hosts(self) -> list[Host]:
        """Every host, in the order of their addresses."""
        found = [Host.read(path.parent) for path in self.folder.glob("hosts/*/host.json")]
        return sorted(found, key=lambda host: host.number)

    def host(self, name: str) -> Host:
        """The host called ``name``."""
        for host in self.hosts:
            if host.name == name:
                return host
        raise FleetError(f"fleet {self.name} has no host {name!r}; it has {[host.name for host in self.hosts]}")

    def up(self, wanted: Mapping[str, str]) -> list[Host]:
        """Start hosts, and wait until their ssh servers answer. A host that runs already is left as it is.

        :param wanted: the name of the image of each host's name.
        :raises FleetError: one did not boot; all that this call has started is gone again.
        """
        for name in wanted:
            machine.fleet_dir(name)  # says what a name must be
        for name in set(wanted.values()):
            image.ensure(name)
        with self._locked():
            if self._holder() is None:
                machine.probe()
                self._remove()
                self._start_holder()
            machine.allow_watches(len({*wanted, *(host.name for host in self.hosts)}))
            started = []
            try:
                for name, kind in wanted.items():
                    if name not in [host.name for host in self.hosts]:
                        started.append(self._start_host(name, kind))
                self._tell_names()
                self._wait([self.host(name) for name in wanted])
            except BaseException:
                for host in started:
                    if host.folder.exists():
                        stop(host, self._enter())
                raise
        return [self.host(name) for name in wanted]

    def down(self, names: Sequence[str] = ()) -> None:
        """End the hosts called ``names``; without a name all of them, and the network with them."""
        with self._locked():
            if names and self._holder() is not None:
                for name in names:
                    stop(self.host(name), self._enter())
                self._tell_names()
            elif not names:
                self._remove()

    def clear(self) -> None:
        """Remove what is left of hosts whose network has ended; nothing where it has not."""
        with self._locked():
            if self._holder() is None:
                self._remove()

    def ssh(self, name: str, words: Sequence[str], *, user: str = "root", **options: Any) -> int:
        """Run a command on a host, with this process's input and output; its exit code."""
        command = ["ssh", *self.ssh_options(), f"{user}@{self.host(name).alias}", *words]
        return subprocess.run(command, check=False, **options).returncode

    def reboot(self, name: str) -> None:
        """Boot a host again in an orderly way, and wait for it."""
        host = self.host(name)
        before = self._boot_id(host)
        self.ssh(name, ["systemctl", "reboot"])
        deadline = time.monotonic() + _BOOT_SECONDS
        while self._boot_id(host) in {"", before}:
            if time.monotonic() > deadline:
                raise FleetError(f"{name} did not come back within {_BOOT_SECONDS} s; see {host.console}")
            time.sleep(0.2)

    def ssh_options(self) -> list[str]:
        """The options with which ssh reaches the hosts from outside their network."""
        return [word for option in self._ssh_settings() for word in ("-o", option)]

    def inventory(self, groups: Mapping[str, Sequence[str]] | None = None) -> dict[str, Any]:
        """An inventory for Ansible of every host, with a group for each image, and ``groups`` of them."""
        arguments = " ".join(f"-o '{option}'" for option in self._ssh_settings())
        hosts = {host.name: {"ansible_host": host.alias} for host in self.hosts}
        variables = {
            "ansible_user": "root",
            "ansible_ssh_common_args": arguments,
            "ansible_python_interpreter": "/usr/bin/python3",
        }
        named = {kind: [host.name for host in self.hosts if host.image == kind] for kind in image.IMAGES}
        named.update({group: list(names) for group, names in (groups or {}).items()})
        children = {group: {"hosts": {name: {} for name in names}} for group, names in named.items() if names}
        return {"all": {"hosts": hosts, "vars": variables, "children": children}}

    @property
    def key(self) -> Path:
        """The private key that opens every host."""
        return self.folder / "key"

    def _ssh_settings(self) -> list[str]:
        proxy = f"{sys.executable} -SE {_HERE / 'connect.py'} {self.folder} %h %p"
        return [
            f"ProxyCommand={proxy}",
            f"IdentityFile={self.key}",
            "IdentitiesOnly=yes",
            f"UserKnownHostsFile={self.folder / 'known_hosts'}",
            "GlobalKnownHostsFile=/dev/null",
            "StrictHostKeyChecking=yes",
            "LogLevel=ERROR",
        ]

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        parent = self.folder.parent
        parent.mkdir(parents=True, exist_ok=True)
        with (parent / f".{self.name}.lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _holder(self) -> int | None:
        """The process that holds the namespaces; None if there is none."""
        try:
            noted = json.loads((self.folder / "holder.json").read_text())
        except FileNotFoundError:
            return None
        return noted["pid"] if start_time(noted["pid"]) == noted["started"] else None

    def _enter(self) -> list[str]:
        holder = self._holder()
        if holder is None:
            raise FleetError(f"fleet {self.name} is not up")
        return ["nsenter", "--target", str(holder), "--mount", "--net", "--pid", "--"]

    def _start_holder(self) -> None:
        self.folder.mkdir(parents=True, mode=0o755)
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "fleet", "-f", self.key], check=True)
        owner = os.environ.get(OWNER_VARIABLE, "")
        keeper = [
            sys.executable,
            "-m",
            "tests.fleet.keeper",
            self.name,
            str(_LIFETIME_SECONDS),
            *([owner] if owner else []),
        ]
        log = self.folder / "holder.log"
        with log.open("wb") as output:
            subprocess.run(
                ["setsid", "--fork", *keeper],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=_HERE.parents[1],
                check=True,
            )
        deadline = time.monotonic() + _HOLDER_SECONDS
        while not (self.folder / "holder.json").exists():
            # It says nothing unless it has failed.
            if log.stat().st_size or time.monotonic() > deadline:
                raise FleetError(f"the namespaces of fleet {self.name} cannot be made: {log.read_text().strip()}")
            time.sleep(0.01)

    def _start_host(self, name: str, kind: str) -> Host:
        taken = {host.number for host in self.hosts}
        number = next((number for number in range(1, _ADDRESSES) if number not in taken), None)
        if number is None:
            raise FleetError(f"fleet {self.name} has {len(taken)} hosts, which is as many as its network holds")
        host = Host(self.folder, name, number, kind)
        public = create(host, authorized=Path(f"{self.key}.pub").read_text())
        known = self.folder / "known_hosts"
        others = known.read_text().splitlines() if known.exists() else []
        kept = [line for line in others if not line.startswith(f"{host.alias} ")]
        known.write_text("\n".join([*kept, f"{host.alias} {public}", ""]))
        boot(host, self._enter())
        return host

    def _tell_names(self) -> None:
        """Let every host find every other by its name."""
        lines = ["127.0.0.1 localhost", "::1 localhost", *(f"{host.address} {host.name}" for host in self.hosts)]
        text = "\n".join([*lines, ""])
        for host in self.hosts:
            done = subprocess.run(
                [*self._enter(), "tee", str(host.root / "etc" / "hosts")],
                input=text.encode(),
                stdout=subprocess.DEVNULL,
                check=False,
            )
            if done.returncode:
                raise FleetError(f"cannot write the hosts file of {host.name}")

    def _wait(self, hosts: Sequence[Host]) -> None:
        words = [sys.executable, "-SE", str(_HERE / "connect.py"), "--wait", str(_BOOT_SECONDS), str(self.folder)]
        done = subprocess.run(
            [*words, *(host.address for host in hosts)], stdout=subprocess.PIPE, text=True, check=False
        )
        silent = [host for host in hosts if host.address in done.stdout.split()]
        if done.returncode and not silent:
            raise FleetError(f"cannot look whether the hosts of fleet {self.name} answer")
        if silent:
            shown = "\n".join(host.console.read_text(errors="replace")[-1500:] for host in silent)
            names = ", ".join(host.name for host in silent)
            raise FleetError(
                f"not reachable by ssh after {_BOOT_SECONDS} s: {names}; the end of their consoles:\n{shown}"
            )

    def _boot_id(self, host: Host) -> str:
        """What tells one run of the host's systemd from the next; empty while it cannot be asked."""
        command = ["systemctl", "show", "--property=UserspaceTimestampMonotonic", "--value"]
        words = ["ssh", *self.ssh_options(), "-o", "ConnectTimeout=2", f"root@{host.alias}", *command]
        done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
        return done.stdout.strip() if done.returncode == 0 else ""

    def _remove(self) -> None:
        """End everything that is left of a fleet, and remove its folder."""
        holder = self._holder()
        for host in self.hosts:
            kill(host)
        if holder is not None:
            _end_network(holder)
        for host in self.hosts:
            for group in host.cgroups:
                remove_cgroup(group)
        if self.folder.exists():
            shutil.rmtree(self.folder)


def sweep() -> None:
    """Remove what is left of fleets of this machine that have ended without anybody to clear up."""
    for folder in sorted(machine.fleets_dir().glob("[a-z]*")):
        Fleet(folder.name).clear()


def _end_network(holder: int) -> None:
    """End the holder and whatever outside its process namespace is in its network: ssh's connections to hosts."""
    try:
        network = os.readlink(f"/proc/{holder}/ns/net")
    except OSError:
        return  # it is ending already, and everything with it
    for entry in os.listdir("/proc"):
        if entry.isdigit() and int(entry) != holder:
            with contextlib.suppress(OSError):
                if os.readlink(f"/proc/{entry}/ns/net") == network:
                    os.kill(int(entry), signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError):
        os.kill(holder, signal.SIGKILL)
    deadline = time.monotonic() + _HOLDER_SECONDS
    while start_time(holder) is not None:
        if time.monotonic() > deadline:
            raise FleetError(f"process {holder} still runs {_HOLDER_SECONDS} s after SIGKILL")
        time.sleep(0.01)
