# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""A replication source for one replica and one replay: it listens, logs the replica in, and sends the plan's events."""

from __future__ import annotations

import logging
import re
import secrets
import socket
import threading
import time
import typing as t
import uuid

from ...errors import ConnectError, DbfleetError, UsageError
from ...progress import Progress
from .replay_events import pass_events
from .replay_plan import ReplayPlan
from .source_address import SourceAddress
from .source_feed import Feed
from .source_protocol import (
    COM_BINLOG_DUMP,
    COM_DUMP_GTID,
    COM_PING,
    COM_QUERY,
    COM_QUIT,
    COM_REGISTER,
    COM_SET_OPTION,
    Channel,
    LoginRefused,
)

_LOG = logging.getLogger("dbfleet.mysql")
_VARIABLE = re.compile(r"SELECT\s+@@(?:GLOBAL\.)?(\w+)", re.IGNORECASE)
_USER_VARIABLE = re.compile(r"SELECT\s+@(\w+)", re.IGNORECASE)
_SHOWN = re.compile(r"SHOW\s+(?:GLOBAL\s+)?VARIABLES\s+LIKE\s+'(\w+)'", re.IGNORECASE)
_TIME = re.compile(r"SELECT\s+UNIX_TIMESTAMP\(\)", re.IGNORECASE)
_REMINDER_SECONDS = 5.0
_UNKNOWN_COMMAND = 1047
#: A replica that takes nothing for so long is gone.
_SEND_TIMEOUT = 3600.0
_LOGIN_TIMEOUT = 30.0
#: So that a port scan does not end the replay, and guessing does.
_LOGINS = 20


class SourceServer:
    """Serves one replica, once; another one that knows the password too is turned away.

    :param address: where to listen, and whether TLS is spoken.
    :param plugin: how the replica proves that it knows the password.
    :param version: what to call this server.
    :param variables: what to answer when the replica asks for a variable, by name in lower case.
    :ivar password: made for this one time; it is written nowhere.
    """

    def __init__(
        self,
        plan: ReplayPlan,
        *,
        address: SourceAddress,
        user: str,
        plugin: str,
        version: str,
        anonymous: bool,
        server_id: int,
        variables: t.Mapping[str, str],
    ) -> None:
        self._plan = plan
        self.user = user
        self.password = secrets.token_hex(16)
        self._plugin = plugin
        self._version = version
        self._anonymous = anonymous
        self._server_id = server_id
        self._variables = {"server_id": str(server_id), "server_uuid": str(uuid.uuid4()), **variables}
        self._tls = address.context()
        self._listener = _listening(address)
        self.port = int(self._listener.getsockname()[1])
        self._channel: Channel | None = None
        self._feed: Feed | None = None
        self._closed = threading.Event()
        self.connected = threading.Event()
        self.error: Exception | None = None
        self.end: tuple[str, int] | None = None
        self._thread = threading.Thread(target=self._run, name="dbfleet-source", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def pause(self, *, paused: bool) -> None:
        """Send no further transaction for now, or go on."""
        if self._feed is not None:
            self._feed.pause(paused=paused)

    def close(self) -> None:
        """Stop listening and sending; returns when nothing is under way any more."""
        self._closed.set()
        if self._feed is not None:
            self._feed.close()
        _shut(self._listener)
        if self._channel is not None:
            self._channel.close()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        try:
            channel = self._logged_in()
            self._listener.close()
            self._serve(channel)
        except (DbfleetError, OSError, ValueError) as error:
            if not self._closed.is_set():
                self.error = error

    def _logged_in(self) -> Channel:
        """The first client that knows the password."""
        for _attempt in range(_LOGINS):
            connection, address = self._listener.accept()
            connection.settimeout(_LOGIN_TIMEOUT)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            channel = self._channel = Channel(connection, self._tls)
            try:
                channel.greet(self._version, self._plugin, self.user, self.password)
            except (LoginRefused, ConnectError, OSError) as error:
                if self._closed.is_set():
                    raise
                _LOG.debug("a login from %s at the replication source failed: %s", address[0], error)
                channel.close()
                continue
            channel.set_timeout(_SEND_TIMEOUT)
            self.connected.set()
            return channel
        raise ConnectError("too many clients without the password connected to the replication source")

    def _serve(self, channel: Channel) -> None:
        while True:
            command, body = channel.command()
            if command == COM_QUIT:
                raise ConnectError("the target ended its connection to the replication source")
            if command == COM_QUERY:
                self._answer(channel, body.decode("utf-8", "replace"))
            elif command in (COM_PING, COM_REGISTER, COM_SET_OPTION):
                channel.ok()
            elif command in (COM_BINLOG_DUMP, COM_DUMP_GTID):
                self._dump(channel)
                return
            else:
                channel.error(_UNKNOWN_COMMAND, "08S01", "Unknown command")

    def _answer(self, channel: Channel, query: str) -> None:
        _LOG.debug("the target asks its replication source: %s", query)
        if _TIME.match(query):
            channel.rows(["UNIX_TIMESTAMP()"], [[str(int(time.time()))]])
            return
        shown = _SHOWN.match(query)
        if shown:
            value = self._variables.get(shown[1].lower())
            channel.rows(["Variable_name", "Value"], [] if value is None else [[shown[1], value]])
            return
        asked = _VARIABLE.match(query) or _USER_VARIABLE.match(query)
        if asked:
            value = self._variables.get(asked[1].lower())
            if value is None:
                channel.error(1193, "HY000", f"Unknown system variable '{asked[1]}'")
            else:
                channel.rows([asked[1]], [[value]])
            return
        if query.upper().startswith("SET "):
            channel.ok()
            return
        channel.error(1064, "42000", "This source only answers replicas")

    def _dump(self, channel: Channel) -> None:
        feed = self._feed = Feed(channel, server_id=self._server_id, anonymous=self._anonymous)
        if self._closed.is_set():
            feed.close()
        pass_events(self._plan, feed, Progress())
        self.end = feed.finish()
        while not self._closed.wait(_REMINDER_SECONDS):
            feed.remind()


def _listening(address: SourceAddress) -> socket.socket:
    """A socket that listens at an address of this host.

    :raises UsageError: it is none, or its port is taken.
    """
    try:
        found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
        family, _kind, _protocol, _name, place = found[0]
        return socket.create_server(place[:2], family=family)
    except OSError as error:
        raise UsageError(
            f"the replication source cannot listen at {address.host}, port {address.port or 'any'}: {error}",
            hint="name an address of this host under which the target reaches it, and a free port",
        ) from error


def _shut(listener: socket.socket) -> None:
    """Close a listening socket under a thread that waits at it."""
    try:
        listener.shutdown(socket.SHUT_RDWR)
    except OSError:
        # It does not listen any more.
        return
    finally:
        listener.close()
