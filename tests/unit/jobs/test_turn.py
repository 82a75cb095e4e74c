# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose turn a backup is that several hosts share, in a real repository; with real servers it is in integration."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from dbfleet.errors import LockedError
from dbfleet.jobs.turn import PRIMARY, REPLICA, Preference, Rounds, Standing, take_turn, waits_for
from dbfleet.repository.repository import Repository

CAUGHT_UP, BEHIND, ALONE = Standing(REPLICA, 0.5), Standing(REPLICA, 301.0), Standing(REPLICA, None)


@pytest.mark.parametrize(
    ("role", "ranks"),
    [(REPLICA, {PRIMARY: 1, "caught up": 0}), (PRIMARY, {PRIMARY: 0, "caught up": 1})],
)
def test_who_goes_first(role: str, ranks: dict[str, int]) -> None:
    preference = Preference(role)
    assert Standing(PRIMARY).rank(preference) == ranks[PRIMARY]
    assert CAUGHT_UP.rank(preference) == ranks["caught up"]
    assert {BEHIND.rank(preference), ALONE.rank(preference)} == {2}


def rounds_in(folder: Path, job: str = "backup", name: str = "nightly") -> Rounds:
    return Rounds(Repository(str(folder)), "shop", job, name)


def test_a_first_round_is_begun_by_the_preferred_one_alone(tmp_path: Path) -> None:
    rounds = rounds_in(tmp_path / "repository")
    assert waits_for(rounds, Preference(REPLICA), CAUGHT_UP) == ""
    assert "stands in for a replica where there is no backup after 3600 s" in waits_for(
        rounds, Preference(REPLICA), Standing(PRIMARY)
    )
    assert "after 7200 s" in waits_for(rounds, Preference(REPLICA), BEHIND)
    assert not (tmp_path / "repository").exists()


def test_the_lock_is_held_while_the_job_runs(tmp_path: Path) -> None:
    rounds = rounds_in(tmp_path / "repository")
    with contextlib.ExitStack() as held:
        assert take_turn(rounds, Preference(PRIMARY), lambda: Standing(PRIMARY), held, lambda _text: None) == ""
        with pytest.raises(LockedError, match="the job nightly"):
            rounds.lock().__enter__()
        # Another job of the same cluster goes its own way.
        with rounds_in(tmp_path / "repository", name="hourly").lock():
            pass
    with rounds.lock():
        pass


def test_a_record_of_what_is_not_there_does_not_count(tmp_path: Path) -> None:
    rounds = rounds_in(tmp_path)
    backup = {"kind": "logical", "database": "shop", "id": "20260101T000000Z-logical"}
    with rounds.lock():
        rounds.record("2026-01-01T00:00:00+00:00", {"backup": backup})
    assert rounds.served(within=1e12) is None
    (record,) = tmp_path.rglob("backup-nightly.json")
    record.write_bytes(b"{}")
    assert rounds.served(within=1e12) is None
