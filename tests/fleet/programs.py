# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The programs that make and boot hosts: those of this machine, else downloaded as the database servers are."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.servers.errors import ServerUnavailable
from tests.servers.install import install
from tests.servers.registry import HOST_PROGRAMS

from .errors import FleetUnavailable

_PACKAGES = {"systemd-nspawn": "systemd-container", "mmdebstrap": "mmdebstrap"}


def program(name: str) -> str:
    """The path of ``systemd-nspawn`` or ``mmdebstrap``.

    :raises FleetUnavailable: this machine has none, and it cannot be downloaded.
    """
    found = shutil.which(name)
    if found is not None:
        return found
    try:
        folder = install(HOST_PROGRAMS)
    except ServerUnavailable as error:
        hint = f"apt-get install --no-install-recommends {_PACKAGES[name]}"
        raise FleetUnavailable(f"{name} is not installed ({hint}) and cannot be downloaded: {error.reason}") from error
    (inside,) = (path for path in HOST_PROGRAMS.programs if Path(path).name == name)
    return str(folder / inside)
