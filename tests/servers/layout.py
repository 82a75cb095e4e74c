# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the parts of one instance are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .registry import ServerSpec
from .tls import TLSFiles


@dataclass(frozen=True)
class Layout:
    """The files of one instance."""

    spec: ServerSpec
    #: The unpacked build.
    build: Path
    #: The instance's own folder; everything below is in it.
    folder: Path
    tls: TLSFiles | None

    @property
    def data_dir(self) -> Path:
        return self.folder / "data"

    @property
    def socket_dir(self) -> Path:
        return self.folder / "s"

    @property
    def tmp_dir(self) -> Path:
        return self.folder / "tmp"

    @property
    def log(self) -> Path:
        return self.folder / "server.log"
