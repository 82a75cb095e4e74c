# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""What the engine logs for ``--debug`` and for the modules' verbosity: statements, decisions and their reasons."""

from __future__ import annotations

import collections
import contextlib
import logging
import typing as t

LOGGER = "dbfleet"
_FORMAT = "%(asctime)s %(name)s: %(message)s"
_MOST_LINES = 20_000


class LineCollector(logging.Handler):
    """Keeps the newest lines in memory.

    :param most: how many; older ones are counted and dropped.
    """

    def __init__(self, most: int = _MOST_LINES) -> None:
        super().__init__()
        self._lines: collections.deque[str] = collections.deque(maxlen=most)
        self._count = 0

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.append(self.format(record))
        self._count += 1

    def lines(self) -> list[str]:
        dropped = self._count - len(self._lines)
        note = [f"({dropped} earlier lines left out)"] if dropped else []
        return [*note, *self._lines]


@contextlib.contextmanager
def debug_log(handler: logging.Handler) -> t.Iterator[None]:
    """Send everything that the engine logs to ``handler`` for a while, and nowhere else."""
    logger = logging.getLogger(LOGGER)
    level, propagate = logger.level, logger.propagate
    handler.setFormatter(logging.Formatter(_FORMAT))
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
        logger.propagate = propagate
