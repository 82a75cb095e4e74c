# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A proxy in front of a server of object storage, which does to requests what networks and busy servers do."""

from __future__ import annotations

import contextlib
import http.client
import http.server
import random
import socket
import threading
import time
from collections.abc import Callable, Iterator

PASS = "pass"
ERROR = "500"
BUSY = "503"
#: The request is not passed on, and there is no answer.
TORN_BEFORE = "torn before"
#: It is done, and the answer is lost.
TORN_AFTER = "torn after"
#: Half of the answer comes.
TORN_ANSWER = "torn answer"
SILENCE = "silence"
FAULTS = (ERROR, BUSY, TORN_BEFORE, TORN_AFTER, TORN_ANSWER, SILENCE)

#: What to do with a request, by its method and path.
Choice = Callable[[str, str], str]


class Proxy(http.server.ThreadingHTTPServer):
    """Passes requests on to ``target`` as ``choose`` says.

    :param target: host and port.
    """

    daemon_threads = True
    block_on_close = False

    def __init__(self, target: str, choose: Choice) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.target = target
        self.choose = choose
        self.seen: list[tuple[str, str, str]] = []

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients go away; that is what this is for."""


@contextlib.contextmanager
def faulty_proxy(endpoint: str, choose: Choice) -> Iterator[Proxy]:
    """A proxy that runs in a thread."""
    with Proxy(endpoint.removeprefix("http://"), choose) as proxy:
        thread = threading.Thread(target=proxy.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield proxy
        finally:
            proxy.shutdown()
            thread.join()


def now_and_then(seed: int, share: float, *faults: str) -> Choice:
    """One of the faults for a share of all requests, the same for the same seed and order of requests."""
    chance = random.Random(seed)
    guard = threading.Lock()

    def choose(_method: str, _path: str) -> str:
        with guard:
            return chance.choice(faults) if chance.random() < share else PASS

    return choose


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Proxy

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name it has in the library
        """Quiet."""

    def _handle(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        choice = self.server.choose(self.command, self.path)
        self.server.seen.append((self.command, self.path, choice))
        if choice in (ERROR, BUSY):
            code = "InternalError" if choice == ERROR else "SlowDown"
            text = f"<Error><Code>{code}</Code><Message>injected</Message></Error>".encode()
            self._answer(int(choice), [], text if self.command != "HEAD" else b"")
        elif choice == TORN_BEFORE:
            self._tear()
        elif choice == SILENCE:
            time.sleep(3)
            self._tear()
        else:
            self._pass_on(body, choice)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _handle  # noqa: N815 - the names that the library asks for

    def _pass_on(self, body: bytes, choice: str) -> None:
        connection = http.client.HTTPConnection(self.server.target, timeout=60)
        try:
            connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() not in ("connection", "expect"):
                    connection.putheader(name, value)
            connection.endheaders(body or None)
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        if choice == TORN_AFTER:
            self._tear()
            return
        kept = content[: len(content) // 2] if choice == TORN_ANSWER else content
        headers = [(name, value) for name, value in answer.getheaders() if name.lower() not in _OWN]
        length = answer.getheader("Content-Length") if self.command == "HEAD" else str(len(content))
        self._answer(answer.status, headers, kept, length=length)
        if len(kept) < len(content):
            self._tear()

    def _answer(self, status: int, headers: list[tuple[str, str]], body: bytes, *, length: str | None = None) -> None:
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", length if length is not None else str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _tear(self) -> None:
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)


_OWN = ("connection", "transfer-encoding", "content-length", "keep-alive")
