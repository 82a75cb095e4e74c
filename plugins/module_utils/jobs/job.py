# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""A scheduled job as its runner knows it, and to whom what became of it is told."""

from __future__ import annotations

import dataclasses
import datetime

from ..lazy_dataclass import dataclass

FAILURE, RECOVERY, SILENCE, SUCCESS = "failure", "recovery", "silence", "success"
#: What can be told.
EVENTS = (FAILURE, RECOVERY, SILENCE, SUCCESS)
USUAL_EVENTS = (FAILURE, RECOVERY, SILENCE)
DAY = 86400.0
#: A nightly job that goes on failing is told every night, whatever its random delay.
REMIND_AFTER = 20 * 3600.0


@dataclass(frozen=True)
class NotifySettings:
    """Who is told, what, and how often.

    :param webhook_url: gets a POST request with a JSON object; empty for none. It may hold a secret.
    :param webhook_token: sent as ``Authorization: Bearer``; empty for none.
    :param webhook_timeout: in seconds.
    :param mail_command: gets the message on its standard input; empty for no mail.
    :param mail_to: the addresses in the message's ``To``.
    :param mail_from: the message's ``From``; empty for none, which the command then adds.
    :param events: those of :data:`EVENTS` that are told.
    :param remind_after: seconds after which what goes on being wrong is told again.
    """

    webhook_url: str = dataclasses.field(default="", repr=False)
    webhook_token: str = dataclasses.field(default="", repr=False)
    webhook_timeout: float = 10.0
    mail_command: tuple[str, ...] = ()
    mail_to: tuple[str, ...] = ()
    mail_from: str = ""
    events: tuple[str, ...] = USUAL_EVENTS
    remind_after: float = REMIND_AFTER

    @property
    def channels(self) -> tuple[str, ...]:
        """The ways in which something is told."""
        return (*(("webhook",) if self.webhook_url else ()), *(("mail",) if self.mail_command else ()))


@dataclass(frozen=True)
class ScheduledJob:
    """A job of this host.

    :param name: of its file.
    :param job: what it does: ``backup``, ``verify`` ...
    :param cluster: what it is about, as ``database`` and ``repository``; empty where it is about several.
    :param objective: the seconds within which it has to succeed again, 0 for none.
    :param follows: it runs on until it is stopped; that it runs is its success.
    """

    name: str
    job: str
    cluster: str = ""
    database: str = ""
    repository: str = ""
    objective: float = 0
    follows: bool = False
    notify: NotifySettings = dataclasses.field(default_factory=NotifySettings)


def now_text() -> str:
    """This moment as ISO 8601 in UTC."""
    return datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")


def seconds_since(moment: str) -> float:
    """How long a moment of :func:`now_text` is ago, 0 for one in the future.

    :raises ValueError: it is none.
    """
    then = datetime.datetime.fromisoformat(moment.replace("Z", "+00:00"))
    return max(0.0, (datetime.datetime.now(datetime.timezone.utc) - then).total_seconds())
