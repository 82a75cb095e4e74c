# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""One host: a copy-on-write clone of an image that systemd-nspawn boots inside its fleet's namespaces."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from . import image, machine
from .errors import FleetError
from .holder import BRIDGE, NETWORK
from .programs import program

# nspawn ends with this code when the guest asked for a reboot and nobody else is there to start it again.
_BOOT = """
set -eu
for group in $CGROUPS; do echo $$ > "$group/cgroup.procs"; done
while :; do
    code=0
    "$@" || code=$?
    [ "$code" = 133 ] || exit "$code"
done
"""
_STOP_SECONDS = 60


@dataclass(frozen=True)
class Host:
    """A host of a fleet.

    :param fleet: the folder of its fleet.
    :param name: its host name.
    :param number: its place in the network, from 1.
    :param image: the name of what it boots from.
    """

    fleet: Path
    name: str
    number: int
    image: str

    @property
    def address(self) -> str:
        """Reachable inside the fleet only; the network is one for documentation."""
        return f"{NETWORK}.{10 + self.number}"

    @property
    def alias(self) -> str:
        """What ssh calls it: with its fleet's name, for Ansible shares connections by name."""
        return f"{self.name}.{self.fleet.name}"

    @property
    def folder(self) -> Path:
        """What it has written, its console's log and this record."""
        return self.fleet / "hosts" / self.name

    @property
    def root(self) -> Path:
        """Its root folder, to be seen from inside the fleet's namespaces."""
        return self.folder / "root"

    @property
    def console(self) -> Path:
        """What systemd has shown while it booted."""
        return self.folder / "console.log"

    @property
    def cgroups(self) -> list[Path]:
        """Its own place in each hierarchy, which no other fleet or host has."""
        fleet = str(self.fleet).strip("/").replace("/", "-")
        return [root / f"dbfleet-{fleet}-{self.name}" for root in machine.cgroup_roots()]

    @property
    def running(self) -> bool:
        """Whether anything of it runs."""
        return any(_processes(group) for group in self.cgroups)

    def record(self) -> None:
        """Note what it is, for other processes."""
        values = {**asdict(self), "fleet": str(self.fleet), "address": self.address}
        (self.folder / "host.json").write_text(json.dumps(values))

    @classmethod
    def read(cls, folder: Path) -> Host:
        """The host that ``folder`` records."""
        values = json.loads((folder / "host.json").read_text())
        return cls(Path(values["fleet"]), values["name"], values["number"], values["image"])


def create(host: Host, *, authorized: str) -> str:
    """Make the folder of a host.

    :param authorized: the public key that may log in as root and as deploy.
    :returns: the public key by which its ssh server is known.
    """
    image.ensure(host.image)
    upper = host.folder / "upper"
    for folder in (upper, host.folder / "work", host.root):
        folder.mkdir(parents=True, mode=0o755)
    (upper / "etc" / "ssh").mkdir(parents=True)
    (upper / "etc" / "hostname").write_text(f"{host.name}\n")
    key = upper / "etc" / "ssh" / "ssh_host_ed25519_key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", host.name, "-f", key], check=True)
    for home, user in (("root", 0), ("home/deploy", 1000)):
        home_folder = upper / home
        home_folder.mkdir(parents=True)
        home_folder.chmod(0o700)
        (home_folder / ".ssh").mkdir(mode=0o700)
        (home_folder / ".ssh" / "authorized_keys").write_text(authorized)
        for path in (home_folder, *home_folder.rglob("*")):
            os.chown(path, user, user)
    host.record()
    return Path(f"{key}.pub").read_text().strip()


def boot(host: Host, enter: list[str]) -> None:
    """Start a host that :func:`create` has made; ``enter`` runs a command inside the fleet's namespaces."""
    lower = ":".join(str(folder) for folder in image.ensure(host.image).layers)
    overlay = f"lowerdir={lower},upperdir={host.folder / 'upper'},workdir={host.folder / 'work'}"
    outside = f"veth{host.number}"
    for words in (
        ["mount", "-t", "overlay", "-o", overlay, "overlay", str(host.root)],
        ["ip", "netns", "add", host.name],
        ["ip", "link", "add", outside, "type", "veth", "peer", "name", "eth0", "netns", host.name],
        ["ip", "link", "set", outside, "master", BRIDGE, "up"],
        ["ip", "-n", host.name, "link", "set", "lo", "up"],
        ["ip", "-n", host.name, "address", "add", f"{host.address}/24", "dev", "eth0"],
        ["ip", "-n", host.name, "link", "set", "eth0", "up"],
        ["ip", "-n", host.name, "route", "add", "default", "via", f"{NETWORK}.1"],
    ):
        _run([*enter, *words])
    for group in host.cgroups:
        group.mkdir(exist_ok=True)
    _start_booting(host, enter)


def _start_booting(host: Host, enter: list[str]) -> None:
    spawn = [
        program("systemd-nspawn"), "--quiet", "--settings=no", "--directory", str(host.root), "--machine", host.name,
        f"--hostname={host.name}", "--boot", "--register=no", "--keep-unit",
        f"--network-namespace-path=/run/netns/{host.name}",
        "--link-journal=no", "--resolv-conf=off", "--timezone=off", "--console=read-only",
    ]  # fmt: skip
    environment = {
        **{name: value for name, value in os.environ.items() if name in {"PATH", "LANG", "LC_ALL"}},
        "CGROUPS": " ".join(str(group) for group in host.cgroups),
        # Guests see the new hierarchy only, as systemd wants it; and may set what belongs to their own network.
        "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1",
        "SYSTEMD_NSPAWN_API_VFS_WRITABLE": "network",
    }
    with host.console.open("ab") as console:
        # It outlives this process, which therefore shall not be its parent.
        subprocess.run(
            ["setsid", "--fork", *enter, "sh", "-c", _BOOT, "host", *spawn],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=console,
            stderr=subprocess.STDOUT,
            cwd="/",
            check=True,
        )


def stop(host: Host, enter: list[str] | None) -> None:
    """End a host at once, as a power cut would, and remove all that is left of it.

    :param enter: runs a command inside the fleet's namespaces; None if those are gone already.
    """
    kill(host)
    if enter is not None:
        _run([*enter, "sh", "-c", f"umount '{host.root}' || :; ip netns del {host.name} || :"])
    for group in host.cgroups:
        remove_cgroup(group)
    shutil.rmtree(host.folder)


def kill(host: Host) -> None:
    """Send SIGKILL to everything that runs in the host, and wait until it is gone."""
    deadline = time.monotonic() + _STOP_SECONDS
    while host.running:
        if time.monotonic() > deadline:
            raise FleetError(f"{host.name} still runs {_STOP_SECONDS} s after SIGKILL")
        for group in host.cgroups:
            switch = group / "cgroup.kill"
            if switch.exists():  # in the new hierarchy only
                switch.write_text("1")
        time.sleep(0.02)


def remove_cgroup(group: Path) -> None:
    """Remove a cgroup without processes and those below it."""
    for folder, _folders, _files in os.walk(group, topdown=False):
        with contextlib.suppress(FileNotFoundError):
            os.rmdir(folder)


def _processes(group: Path) -> list[str]:
    found: list[str] = []
    for folder, _folders, _files in os.walk(group):
        with contextlib.suppress(OSError):
            found += Path(folder, "cgroup.procs").read_text().split()
    return found


def _run(words: list[str]) -> None:
    done = subprocess.run(
        words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    if done.returncode:
        output = done.stdout.decode(errors="replace").strip()
        raise FleetError(f"{' '.join(words)} ended with code {done.returncode}: {output}")
