# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Where jobs that may be resumed record what is done: on this host, beside nothing of the user's data."""

from __future__ import annotations

import os

from .given import Given


def state_folder(given: Given) -> str:
    """The folder that was given, or the usual place for the state of programs; empty where nothing is to be resumed.

    :raises UsageError: it was given without ``resume``.
    """
    given.only_with("state_folder", "resume")
    if not given.switch("resume"):
        return ""
    if given.has("state_folder"):
        return os.path.abspath(given.text("state_folder"))
    home = os.environ.get("XDG_STATE_HOME", "")
    if not home:
        home = "/var/lib" if os.geteuid() == 0 else os.path.expanduser("~/.local/state")
    return os.path.join(home, "dbfleet")
