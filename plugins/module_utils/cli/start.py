# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Where the ``dbfleet`` command begins, before anything of it is imported."""

from __future__ import annotations

import gc
import sys
import traceback

# Python's cycle collector looks at everything each time that 700 objects were made. Importing makes tens of thousands,
# and a database of many tables millions, nearly none of them in cycles: that was a tenth of a short job's time. What a
# short job makes is less than this.
_OBJECTS_BETWEEN_COLLECTIONS = 100_000
_SERVER_STOPS = 255
# More are fetched while these are replayed.
_FEW_LEFT = 4


def main() -> int:
    """Run the command; see :func:`.main.main`."""
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS, 20, 20)
    try:
        if sys.argv[1:2] == ["wal"] and _was_done_ahead():
            return 0
        from ..drivers import put_off_asyncio
        from .main import main as run

        put_off_asyncio()
        try:
            return run()
        finally:
            # Python looks through all objects for cycles once more before it ends: a fifth of a short job's time.
            gc.freeze()
    except Exception:
        if sys.argv[1:3] != ["wal", "fetch"]:
            raise
        # Python's own code would tell the server that there is no such file, and that recovery is complete.
        traceback.print_exc()
        return _SERVER_STOPS


def _was_done_ahead() -> bool:
    """Whether what a server asks for was done with an earlier call."""
    from ..postgresql.wal.quick import run_apart, take_fetched, was_pushed

    job, arguments = sys.argv[2:3], sys.argv[3:]
    if "--json" in arguments:
        return False
    if job == ["push"]:
        return was_pushed(arguments)
    left = take_fetched(arguments) if job == ["fetch"] else None
    if left is None:
        return False
    if left < _FEW_LEFT:

        def refill() -> None:
            from .wal_fetch import refill as fetch_more

            fetch_more(arguments)

        run_apart(refill)
    return True
