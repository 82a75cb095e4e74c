# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""What a job is doing, as events that any number of sinks can show or record.

The engine calls the methods of :class:`Progress`; it never writes to a terminal itself. Statements and decisions for
``--debug`` go through the standard library's logging (logger ``dbfleet`` and its children), not through here.
"""

from __future__ import annotations

import time
import typing as t

from .lazy_dataclass import dataclass


@dataclass(frozen=True)
class ProgressState:
    """A picture of the running job.

    :param phase: what is being done, for example ``reading``, ``checking`` or ``publishing``.
    :param item: the table or file at hand, empty where none is.
    :param done_bytes: bytes of data handled in this phase.
    :param total_bytes: the estimate for the phase, 0 where unknown.
    :param done_rows: rows handled in this phase, 0 where rows make no sense.
    :param started: monotonic seconds at which the phase began.
    """

    phase: str = ""
    item: str = ""
    done_bytes: int = 0
    total_bytes: int = 0
    done_rows: int = 0
    started: float = 0.0


class ProgressSink(t.Protocol):
    """Shows or records what happens."""

    def update(self, state: ProgressState) -> None:
        """The state changed; called often, so a sink limits its own rate."""

    def message(self, text: str) -> None:
        """One line for a human: a phase begun, a warning, a decision worth knowing."""

    def finish(self) -> None:
        """The job ended, in whatever way."""


class Progress:
    """Collects events of one job and hands them to the sinks.

    Warnings are kept in :attr:`warnings`, so that the job's result can carry them.
    """

    def __init__(self, *sinks: ProgressSink) -> None:
        self._sinks = sinks
        self._state = ProgressState(started=time.monotonic())
        self.warnings: list[str] = []

    @property
    def state(self) -> ProgressState:
        return self._state

    def phase(self, name: str, *, total_bytes: int = 0) -> None:
        """A new phase begins; counters start at zero."""
        self._state = ProgressState(phase=name, total_bytes=total_bytes, started=time.monotonic())
        self._publish()

    def item(self, name: str) -> None:
        """The table, object or file now being handled."""
        old = self._state
        # dataclasses.replace would cost several times as much, and a database may have very many tables.
        self._state = ProgressState(old.phase, name, old.done_bytes, old.total_bytes, old.done_rows, old.started)
        self._publish()

    def advance(self, size: int, rows: int = 0) -> None:
        """``size`` more bytes and ``rows`` more rows were handled. Call it per batch, never per row."""
        old = self._state
        self._state = ProgressState(
            old.phase, old.item, old.done_bytes + size, old.total_bytes, old.done_rows + rows, old.started
        )
        self._publish()

    def message(self, text: str) -> None:
        for sink in self._sinks:
            sink.message(text)

    def warn(self, text: str) -> None:
        """Something the user must know that makes the result no less complete."""
        self.warnings.append(text)
        self.message(f"warning: {text}")

    def part(self, name: str) -> Progress:
        """The progress of one part of the job, to the same sinks: its lines begin with ``name``, its warnings are its
        own, and it does not end the job."""
        return _PartProgress(name, *self._sinks)

    def finish(self) -> None:
        for sink in self._sinks:
            sink.finish()

    def _publish(self) -> None:
        for sink in self._sinks:
            sink.update(self._state)


class _PartProgress(Progress):
    def __init__(self, name: str, *sinks: ProgressSink) -> None:
        super().__init__(*sinks)
        self._name = name

    def item(self, name: str) -> None:
        super().item(f"{self._name}: {name}")

    def message(self, text: str) -> None:
        super().message(f"{self._name}: {text}")

    def finish(self) -> None:
        """The job goes on."""
