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


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name a test by what can be read of its values: the workers must all collect the same names.

    A compressed value holds the second in which it was made, and two workers seldom start in the same one.
    """
    return argname if isinstance(val, bytes) and not (val.isascii() and val.decode().isprintable()) else None


@pytest.fixture(autouse=True)
def own_umask() -> Iterator[None]:
    """The command sets its process's umask, which is the tests' where they call it; servers are started after them."""
    before = os.umask(0o022)
    yield
    os.umask(before)
