# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The genuine psql as judge: what it sends to a real server when it runs a script."""

from __future__ import annotations

import socket
import struct
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests import servers


class Recorder:
    """Stands between a client and a server's socket and writes down what the client sends."""

    def __init__(self, server: servers.Server) -> None:
        self._server_path = f"{server.socket}/.s.PGSQL.{server.port}"
        self._folder = tempfile.TemporaryDirectory(prefix="rec-")
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(f"{self._folder.name}/.s.PGSQL.{server.port}")
        self._listener.listen()
        self._threads: list[threading.Thread] = []
        self.folder = self._folder.name
        #: Every query's text and every COPY's data ("COPY", data), in the order in which they were sent.
        self.sent: list[Any] = []
        self._acceptor = threading.Thread(target=self._accept, daemon=True)
        self._acceptor.start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._acceptor.join()
        self._listener.close()
        self._folder.cleanup()

    def take(self) -> list[Any]:
        """What was sent by connections that have ended, and forget it."""
        for thread in self._threads:
            thread.join()
        self._threads.clear()
        sent, self.sent = self.sent, []
        return sent

    def _accept(self) -> None:
        while True:
            try:
                client, _address = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(client,), daemon=True)
            thread.start()
            self._threads.append(thread)

    def _serve(self, client: socket.socket) -> None:
        with client, socket.socket(socket.AF_UNIX) as upstream:
            upstream.connect(self._server_path)
            answers = threading.Thread(target=pump, args=(upstream, client), daemon=True)
            answers.start()
            self._requests(client, upstream)
            answers.join()

    def _requests(self, client: socket.socket, upstream: socket.socket) -> None:
        with client.makefile("rb") as stream:
            size = stream.read(4)
            upstream.sendall(size + stream.read(struct.unpack("!I", size)[0] - 4))
            while head := stream.read(5):
                body = stream.read(struct.unpack("!I", head[1:])[0] - 4)
                if head[:1] == b"Q":
                    self.sent.append(body[:-1])
                elif head[:1] == b"d":
                    if not self.sent or not isinstance(self.sent[-1], list):
                        self.sent.append([])
                    self.sent[-1].append(body)
                upstream.sendall(head + body)
        upstream.shutdown(socket.SHUT_WR)


def pump(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(1 << 16):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        return


@contextmanager
def recorder(server: servers.Server) -> Iterator[Recorder]:
    opened = Recorder(server)
    try:
        yield opened
    finally:
        opened.close()


def sent_by_psql(opened: Recorder, server: servers.Server, script: Path, database: str, *, version: int) -> list[Any]:
    """The statements, and the COPY data as ``("COPY", data)``, that psql sends; errors do not stop it."""
    program = servers.client("psql", version=version)
    program.run(
        server, "--set=ON_ERROR_STOP=0", "-q", "-f", script, "-d", database,
        env={"PGHOST": opened.folder, "PGCLIENTENCODING": "UTF8"}, check=False, timeout=60,
    )  # fmt: skip
    return [("COPY", b"".join(one)) if isinstance(one, list) else one for one in opened.take()]
