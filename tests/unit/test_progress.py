# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from dbfleet.progress import Progress, ProgressState


class Sink:
    def __init__(self) -> None:
        self.states: list[ProgressState] = []
        self.texts: list[str] = []
        self.finished = 0

    def update(self, state: ProgressState) -> None:
        self.states.append(state)

    def message(self, text: str) -> None:
        self.texts.append(text)

    def finish(self) -> None:
        self.finished += 1


def test_events_reach_every_sink() -> None:
    one, two = Sink(), Sink()
    progress = Progress(one, two)
    progress.phase("reading", total_bytes=100)
    progress.item("public.orders")
    progress.advance(30, 2)
    progress.advance(20)
    state = progress.state
    assert (state.phase, state.item, state.done_bytes, state.total_bytes, state.done_rows) == (
        *("reading", "public.orders", 50, 100),
        2,
    )
    progress.phase("publishing")
    assert (progress.state.item, progress.state.done_bytes, progress.state.done_rows) == ("", 0, 0)
    assert progress.state.started >= state.started > 0
    progress.message("swept x")
    progress.warn("little space")
    progress.finish()
    assert one.states == two.states
    assert one.texts == two.texts == ["swept x", "warning: little space"]
    assert one.finished == two.finished == 1
    assert progress.warnings == ["little space"]


def test_without_a_sink_nothing_happens() -> None:
    progress = Progress()
    progress.phase("x")
    progress.warn("y")
    progress.finish()
    assert progress.warnings == ["y"]
