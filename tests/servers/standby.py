# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A PostgreSQL standby of a server that runs here."""

from __future__ import annotations

from collections.abc import Mapping

from .instance import Server, start


def start_standby(primary: Server, *, extra_config: Mapping[str, str] | None = None) -> Server:
    """Start a hot standby that streams from ``primary``, which is shut down and started again for it.

    :param extra_config: settings of the standby.
    """
    source = f"host={primary.socket} port={primary.port} user={primary.user}"
    settings = {"wal_retrieve_retry_interval": "100ms", **(extra_config or {})}
    if primary.version[0] >= 12:
        settings["primary_conninfo"] = source
        files = {"standby.signal": ""}
    else:
        files = {"recovery.conf": f"standby_mode = on\nprimary_conninfo = '{source}'\n"}
    primary.shutdown()
    try:
        return start(primary.name, extra_config=settings, data=primary.data_dir, files=files)
    finally:
        primary.restart()
