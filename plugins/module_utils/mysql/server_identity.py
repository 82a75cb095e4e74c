# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Which server a session is connected to, as manifests have it."""

from __future__ import annotations

from ..repository.records import ServerIdentity
from .session import Session


def server_identity(session: Session) -> ServerIdentity:
    """Which server a session is connected to."""
    variables = session.variables
    return ServerIdentity(
        dbms=session.version.dbms,
        version=session.version.text,
        version_number=session.version.number,
        host=session.unix_socket or session.host,
        port=int(variables.get("port", session.port)),
        identifier=variables.get("server_uuid") or variables.get("server_uid", ""),
    )
