# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which of the files that a shell's pattern finds are binlogs."""

from __future__ import annotations

from dbfleet.mysql.binlog.replay_plan import files_in_order


def test_what_lies_beside_a_binlog_is_left_out() -> None:
    assert files_in_order(["b.000001", "b.000001.idx", "b.000001.json", "b.000002.part"]) == [
        "b.000001",
        "b.000002.part",
    ]


def test_what_stands_for_no_binlog_is_not_passed_over() -> None:
    assert files_in_order(["b.000001.idx", "b.000002"]) == ["b.000001.idx", "b.000002"]
