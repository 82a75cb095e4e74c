# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

# A shell that starts the tests in the background leaves these ignored, and a job respects that; the tests send them.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)

pytest_plugins = ["tests.servers.fixtures"]


@pytest.fixture(autouse=True)
def own_umask() -> Iterator[None]:
    """The command sets its process's umask, which is the tests' where they call it; servers are started after them."""
    before = os.umask(0o022)
    yield
    os.umask(before)
