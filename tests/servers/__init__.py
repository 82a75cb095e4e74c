# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Real database servers and the vendors' client programs, for the tests and the demo.

    >>> from tests import servers
    >>> with servers.start("pg16") as server:
    ...     server.connect().execute("SELECT 1")

``python -m tests.servers`` does the same from the command line; see docs/development/servers.md.
"""

from __future__ import annotations

from .clients import ClientProgram, client
from .errors import CommandFailed, ServerStartError, ServerUnavailable
from .instance import Server, start
from .registry import CLIENTS, SERVERS
from .standby import start_standby
from .tls import TLSFiles, make_certificates

__all__ = [
    "CLIENTS",
    "SERVERS",
    "ClientProgram",
    "CommandFailed",
    "Server",
    "ServerStartError",
    "ServerUnavailable",
    "TLSFiles",
    "client",
    "make_certificates",
    "start",
    "start_standby",
]
