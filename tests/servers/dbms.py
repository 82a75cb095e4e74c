# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a server needs to know about its DBMS."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, cast

from . import mysql, postgresql
from .layout import Layout
from .registry import ServerSpec


class DBMS(Protocol):
    """The interface of the modules ``postgresql`` and ``mysql``."""

    USER: str
    PASSWORD: str
    STOP_SIGNAL: signal.Signals
    SHUTDOWN_SIGNAL: signal.Signals
    PORT_TAKEN: str

    def initialise(
        self, spec: ServerSpec, build: Path, environment: dict[str, str], data: Path, scratch: Path
    ) -> None: ...

    def settings_digest_text(self) -> str: ...

    def configure(
        self, layout: Layout, port: int, extra: Sequence[tuple[str, str | None]], hba: Sequence[str]
    ) -> None: ...
    def command(self, layout: Layout) -> list[str]: ...
    def is_ready(self, layout: Layout) -> bool: ...
    def before_restart(self, layout: Layout) -> None: ...
    def socket_of(self, layout: Layout) -> str: ...


def dbms_of(spec: ServerSpec) -> DBMS:
    """The module for a server's DBMS."""
    return cast(DBMS, {"postgresql": postgresql, "mysql": mysql}[spec.dbms])
