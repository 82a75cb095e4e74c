# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Connect standard input and output to a port of a host, from outside the fleet's network: ssh's ProxyCommand.

Usage: ``python connect.py FOLDER HOST.FLEET PORT``, or ``python connect.py --wait SECONDS FOLDER ADDRESS…`` to wait
until the ssh server of every address greets. Only the standard library, and little of it: ssh starts this often.
"""

from __future__ import annotations

import ctypes
import json
import os
import socket
import sys
import threading
import time


def enter_network(folder: str) -> None:
    """Move this process to the network of the fleet in ``folder``."""
    with open(os.path.join(folder, "holder.json"), encoding="utf-8") as file:
        pid = json.load(file)["pid"]
    descriptor = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    new_network = 0x40000000
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(descriptor, new_network):
        code = ctypes.get_errno()
        raise OSError(code, f"cannot enter the network of {folder}: {os.strerror(code)}")
    os.close(descriptor)


def address_of(folder: str, host: str) -> str:
    """The address of a host of the fleet in ``folder``, by the name that ssh has for it."""
    with open(os.path.join(folder, "hosts", host.partition(".")[0], "host.json"), encoding="utf-8") as file:
        return str(json.load(file)["address"])


def relay(address: str, port: int) -> None:
    """Copy both ways until the host's side ends."""
    connection = socket.create_connection((address, port), timeout=30)
    connection.settimeout(None)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send() -> None:
        while data := os.read(0, 65536):
            connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)

    threading.Thread(target=send, daemon=True).start()
    while data := connection.recv(65536):
        view = memoryview(data)
        while view:
            view = view[os.write(1, view) :]


def wait(addresses: list[str], seconds: float) -> list[str]:
    """Wait until every address is greeted by its ssh server; the addresses that are not."""
    deadline = time.monotonic() + seconds
    silent = list(addresses)
    while silent and time.monotonic() < deadline:
        silent = [address for address in silent if not _greets(address)]
        if silent:
            time.sleep(0.05)
    return silent


def _greets(address: str) -> bool:
    try:
        with socket.create_connection((address, 22), timeout=1) as connection:
            return connection.recv(4) == b"SSH-"
    except OSError:
        return False


def main(arguments: list[str]) -> int:
    """Do what the usage says."""
    if arguments[0] == "--wait":
        enter_network(arguments[2])
        silent = wait(arguments[3:], float(arguments[1]))
        sys.stdout.write("\n".join(silent))
        return 1 if silent else 0
    enter_network(arguments[0])
    relay(address_of(arguments[0], arguments[1]), int(arguments[2]))
    # Not past the thread that waits for input: ssh keeps that open.
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
