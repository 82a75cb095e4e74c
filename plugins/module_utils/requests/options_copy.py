# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The option that copies finished backups elsewhere."""

from __future__ import annotations

from .option import WAL_BACKUP, Option

COPY = (
    Option(
        "copy_to",
        "a second repository that the finished backup is copied to",
        ("--copy-to",),
        ("backup", "copy", WAL_BACKUP),
        type="path",
        metavar="URL",
    ),
)
