# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Telling: by a POST request, or by a mail command.

A URL may hold a secret, and so may what a server answers: errors name the host and a cause, nothing else.
"""

from __future__ import annotations

import email.message
import email.utils
import http.client
import json
import os
import subprocess
import typing as t
import urllib.error
import urllib.parse
import urllib.request

from ..errors import DbfleetError, UsageError
from ..release import VERSION
from .job import NotifySettings
from .notes import Notification

_MAIL_SECONDS = 60
_LONGEST_SUBJECT = 200
#: What a mail program may need to know; nothing that was meant for this one.
_ENVIRONMENT = ("HOME", "LANG", "LC_ALL", "LOGNAME", "PATH", "TZ", "USER")


class NotifyError(DbfleetError):
    """Somebody could not be told; it stays to be told later."""

    kind = "notify"


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirected POST would become a GET, to whom the token is not meant for."""

    def redirect_request(self, *_args: t.Any, **_kwargs: t.Any) -> None:
        return None


def tell(settings: NotifySettings, notification: Notification) -> None:
    """Deliver one notification.

    :raises NotifyError: it was not accepted.
    """
    if notification.channel == "webhook":
        _post(settings, notification)
    else:
        _mail(settings, notification)


def check_webhook(url: str) -> None:
    """:raises UsageError: no request can go there."""
    try:
        parts = urllib.parse.urlsplit(url)
        is_sound = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        is_sound = False
    if not is_sound or any(character <= " " for character in url):
        raise UsageError("the webhook's URL is none", hint="write https://host/path")


def _post(settings: NotifySettings, notification: Notification) -> None:
    check_webhook(settings.webhook_url)
    host = urllib.parse.urlsplit(settings.webhook_url).hostname
    headers = {"Content-Type": "application/json", "User-Agent": f"dbfleet/{VERSION}"}
    if settings.webhook_token:
        headers["Authorization"] = f"Bearer {settings.webhook_token}"
    body = json.dumps({"text": notification.text, "at": notification.at, **notification.data}).encode("ascii")
    request = urllib.request.Request(settings.webhook_url, data=body, headers=headers, method="POST")
    opener = urllib.request.build_opener(_NoRedirect())
    try:
        with opener.open(request, timeout=settings.webhook_timeout) as answer:
            answer.read(1024)
    except urllib.error.HTTPError as error:
        error.close()
        raise _not_told(f"the webhook at {host} answered {error.code}") from None
    except urllib.error.URLError as error:
        reason = error.reason
        cause = reason.strerror if isinstance(reason, OSError) and reason.strerror else type(reason).__name__
        raise _not_told(f"the webhook at {host} cannot be reached: {cause}") from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise _not_told(f"the webhook at {host} cannot be reached: {type(error).__name__}") from None


def _mail(settings: NotifySettings, notification: Notification) -> None:
    program = settings.mail_command[0]
    environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
    try:
        done = subprocess.run(  # pylint: disable=ansible-bad-function
            list(settings.mail_command),
            input=mail_message(settings, notification),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=environment,
            timeout=_MAIL_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise _not_told(f"the mail command {program} did not end within {_MAIL_SECONDS} s") from None
    except OSError as error:
        raise _not_told(f"the mail command {program} cannot be run: {error.strerror}") from None
    if done.returncode:
        raise _not_told(f"the mail command {program} ended with exit code {done.returncode}")


def mail_message(settings: NotifySettings, notification: Notification) -> bytes:
    """The message as a mail command reads it."""
    message = email.message.EmailMessage()
    if settings.mail_from:
        message["From"] = settings.mail_from
    message["To"] = ", ".join(settings.mail_to)
    message["Subject"] = " ".join(notification.text.split())[:_LONGEST_SUBJECT]
    message["Date"] = email.utils.formatdate(localtime=True)
    message["Auto-Submitted"] = "auto-generated"
    error = notification.data.get("error") or {}
    lines = [notification.text, *([f"hint: {error['hint']}"] if error.get("hint") else []), ""]
    known = {name: value for name, value in notification.data.items() if value not in ("", None) and name != "error"}
    lines += [f"{name}: {value}" for name, value in known.items()]
    message.set_content("\n".join([*lines, f"at: {notification.at}", ""]))
    return message.as_bytes()


def _not_told(words: str) -> NotifyError:
    return NotifyError(words, hint="it is tried again by the next run, and by dbfleet job notify")
