# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Whose files a restored data folder's are: a server starts only on what belongs to its own account."""

from __future__ import annotations

import contextlib
import os

from ...errors import UsageError
from ...lazy_dataclass import dataclass
from ...posix_only import grp, pwd


@dataclass(frozen=True)
class Owner:
    """An account by its numbers."""

    uid: int
    gid: int

    @property
    def name(self) -> str:
        try:
            return pwd.getpwuid(self.uid).pw_name
        except KeyError:
            return str(self.uid)


def owner_of(given: str, data_folder: str) -> Owner:
    """The account that the files shall belong to.

    :param given: a user's name or number, with ``:group`` where that is not the user's own; empty for the owner of
        the folder, or of the one above it.
    :raises UsageError: there is no such account, or this process may not give files away.
    """
    me = Owner(os.geteuid(), os.getegid())
    if given:
        owner = _named(given)
    elif me.uid != 0:
        owner = me
    else:
        owner = _of_folder(data_folder)
    if owner.uid == 0:
        raise UsageError(
            f"{data_folder} would belong to root, as whom no server runs",
            hint="name the server's account (owner), for example postgres",
        )
    if me.uid not in (0, owner.uid):
        raise UsageError(
            f"only root can restore files for {owner.name}",
            hint=f"run it as root or as {owner.name}, or leave owner out",
        )
    return owner


def _named(given: str) -> Owner:
    user, _colon, group = given.partition(":")
    try:
        account = pwd.getpwuid(int(user)) if user.isascii() and user.isdigit() else pwd.getpwnam(user)
        if not group:
            return Owner(account.pw_uid, account.pw_gid)
        numbered = group.isascii() and group.isdigit()
        return Owner(account.pw_uid, (grp.getgrgid(int(group)) if numbered else grp.getgrnam(group)).gr_gid)
    except (KeyError, OverflowError) as error:
        raise UsageError(f"there is no account {given!r} on this host", hint="name the server's account") from error


def _of_folder(path: str) -> Owner:
    """The owner of the folder, or of the one it is in where it is missing or root made it for the restore."""
    path = os.path.abspath(path)
    found = Owner(0, 0)
    for folder in (path, os.path.dirname(path)):
        with contextlib.suppress(OSError):
            status = os.stat(folder)
            found = Owner(status.st_uid, status.st_gid)
            if found.uid != 0:
                break
    return found
