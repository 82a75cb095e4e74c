# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import threading
from typing import Any

import pytest

from dbfleet.errors import CorruptArtifactError, JobInterrupted, UsageError
from dbfleet.progress import Progress, ProgressState
from dbfleet.verified_backup import verify_beside

PATIENCE_SECONDS = 120
NOTHING: Any = None


class Target:
    """A target of which only ``verify`` is asked."""

    def __init__(self, verify: Any) -> None:
        self.verify = verify


class Sink:
    def __init__(self) -> None:
        self.lines: list[str] = []
        self.states: list[ProgressState] = []

    def update(self, state: ProgressState) -> None:
        self.states.append(state)

    def message(self, text: str) -> None:
        self.lines.append(text)

    def finish(self) -> None:
        """The job ended."""


def run(verify: Any, checksums: Any, progress: Progress | None = None) -> None:
    target: Any = Target(verify)
    verify_beside(target, NOTHING, NOTHING, progress or Progress(), checksums)


def good(*_arguments: Any, **_options: Any) -> None:
    """Nothing is wrong."""


def damaged(*_arguments: Any) -> None:
    raise CorruptArtifactError("the file is not what was backed up")


def unwanted(*_arguments: Any, **_options: Any) -> None:
    raise UsageError("the script holds what is not run")


def test_both_are_done() -> None:
    met = threading.Barrier(2)

    def verify(*_arguments: Any, checked: bool) -> None:
        assert checked
        met.wait(PATIENCE_SECONDS)

    def checksums(*_arguments: Any) -> None:
        met.wait(PATIENCE_SECONDS)

    # Each waits for the other: they run at the same time.
    run(verify, checksums)
    assert not met.broken


def test_damage_is_told_before_what_it_may_have_caused() -> None:
    with pytest.raises(CorruptArtifactError, match="not what was backed up"):
        run(unwanted, damaged)


def test_damage_alone_is_enough() -> None:
    with pytest.raises(CorruptArtifactError, match="not what was backed up"):
        run(good, damaged)


def test_what_is_wrong_with_an_intact_backup_is_told() -> None:
    with pytest.raises(UsageError, match="what is not run"):
        run(unwanted, good)


def test_an_interrupt_ends_the_reading() -> None:
    began, over = threading.Event(), threading.Event()

    def verify(*_arguments: Any, **_options: Any) -> None:
        assert began.wait(PATIENCE_SECONDS)
        raise JobInterrupted("interrupted")

    def checksums(_artifact: Any, _manifest: Any, progress: Progress) -> None:
        began.set()
        try:
            while True:
                progress.advance(1)
        finally:
            over.set()

    with pytest.raises(JobInterrupted):
        run(verify, checksums)
    assert over.is_set()


def test_the_digests_tell_progress_and_what_the_target_says_comes_after() -> None:
    sink = Sink()
    progress = Progress(sink)

    def verify(_artifact: Any, _manifest: Any, held_back: Progress, **_options: Any) -> None:
        held_back.phase("looking")
        held_back.message("said")
        held_back.warn("warned")

    def checksums(_artifact: Any, _manifest: Any, shown: Progress) -> None:
        shown.phase("checking", total_bytes=7)
        shown.item("file")
        shown.advance(7)

    run(verify, checksums, progress)
    assert sink.lines == ["said", "warning: warned"]
    assert progress.warnings == ["warned"]
    assert {state.phase for state in sink.states} == {"checking"}
    assert (progress.state.item, progress.state.done_bytes) == ("file", 7)


class PlanningTarget(Target):
    """One that plans too."""

    def __init__(self, verify: Any, plan: Any) -> None:
        super().__init__(verify)
        self.plan = plan


def test_the_target_plans_beside_when_it_may() -> None:
    met = threading.Barrier(2)
    steps: list[str] = []

    def plan(*_arguments: Any) -> str:
        met.wait(PATIENCE_SECONDS)
        return "the plan"

    def checksums(*_arguments: Any) -> None:
        met.wait(PATIENCE_SECONDS)

    target: Any = PlanningTarget(lambda *_arguments, **_options: steps.append("verified"), plan)
    made: Any = verify_beside(target, NOTHING, NOTHING, Progress(), checksums, lambda: steps.append("may plan"))
    assert (made, steps) == ("the plan", ["verified", "may plan"])


def test_damage_is_told_before_what_the_plan_finds() -> None:
    target: Any = PlanningTarget(good, unwanted)
    with pytest.raises(CorruptArtifactError, match="not what was backed up"):
        verify_beside(target, NOTHING, NOTHING, Progress(), damaged, good)
    with pytest.raises(UsageError, match="what is not run"):
        verify_beside(target, NOTHING, NOTHING, Progress(), good, good)
