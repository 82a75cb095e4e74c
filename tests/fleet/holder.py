# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The first process of a fleet: as long as it lives, so do the fleet's namespaces and everything in them.

It is process 1 of a process namespace, so that the kernel ends every host with it, however it ends: told to, killed,
with its owner, or when the fleet's time is over.

Usage: ``python holder.py FOLDER SECONDS [OWNER]`` by ``unshare --mount --net --pid --fork --propagation private``.
``OWNER`` is a file whose lock the owner holds.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

BRIDGE = "br0"
NETWORK = "198.51.100"  # for documentation (RFC 5737): nobody's real network


def main() -> None:
    """Make the network, say so, and wait."""
    folder, seconds, *owner = Path(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:]
    owners_lock = os.open(owner[0], os.O_RDONLY | os.O_CLOEXEC) if owner else None
    # The old /proc still numbers processes as the world outside does.
    pid = int(os.readlink("/proc/self"))
    started = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
    for words in (
        "mount -t proc proc /proc",
        "mount -t tmpfs -o mode=755 tmpfs /run",
        "ip link set lo up",
        f"ip link add {BRIDGE} type bridge forward_delay 0",
        f"ip address add {NETWORK}.1/24 dev {BRIDGE}",
        f"ip link set {BRIDGE} up",
        "ip route add unreachable default",
    ):
        subprocess.run(words.split(), check=True)
    # The hosts' way out ends here at once, by an answer.
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
    partial = folder / "holder.json.new"
    partial.write_text(json.dumps({"pid": pid, "started": started}))
    partial.rename(folder / "holder.json")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel buries the orphans that come here
    signal.signal(signal.SIGALRM, lambda *_: sys.exit(f"the time of the fleet is over ({seconds} s)"))
    signal.alarm(seconds)
    if owners_lock is not None:
        # The kernel lets go of it when the owner has ended, however that was.
        fcntl.flock(owners_lock, fcntl.LOCK_SH)
        sys.exit("the owner of the fleet has ended")
    while True:
        signal.pause()


if __name__ == "__main__":
    main()
