# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The name that a server's backups are filed under unless the user gives one."""

from __future__ import annotations

import os

from .records import ServerIdentity

_LOCAL_HOSTS = ("", "localhost", "127.0.0.1", "::1")


def default_cluster(server: ServerIdentity) -> str:
    """The name that a server's backups are filed under unless the user names one: ``<host>-<port>``.

    A server reached over a socket or the loopback address is named after this host, so that the repositories of a
    whole fleet can be one.
    """
    local = server.host in _LOCAL_HOSTS or server.host.startswith(("/", "@"))
    return f"{os.uname().nodename if local else server.host}-{server.port}"
