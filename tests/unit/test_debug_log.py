# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import logging

from dbfleet.debug_log import LineCollector, debug_log


def test_the_engines_log_is_collected_for_a_while() -> None:
    collector = LineCollector()
    log = logging.getLogger("dbfleet.postgresql")
    log.debug("before")
    with debug_log(collector):
        log.debug("sent %s", "SELECT 1")
        logging.getLogger("other").error("not ours")
    log.debug("after")
    (line,) = collector.lines()
    assert line.endswith(" dbfleet.postgresql: sent SELECT 1")


def test_the_newest_lines_are_kept() -> None:
    collector = LineCollector(most=2)
    with debug_log(collector):
        for number in range(5):
            logging.getLogger("dbfleet").debug("line %d", number)
    note, *lines = collector.lines()
    assert note == "(3 earlier lines left out)"
    assert [line[-6:] for line in lines] == ["line 3", "line 4"]
