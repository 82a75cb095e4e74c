# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""What was copied, as the user reads it."""

from __future__ import annotations

import typing as t

from .text import size_text


def copy_text(data: t.Mapping[str, t.Any], *, check: bool) -> str:
    """A line for each backup: where it went, or that it is there already."""
    lines = []
    for one in data["copies"]:
        verb = "is there already" if not one["changed"] else "would be copied" if check else "copied and read again"
        lines.append(f"backup {one['id']} ({size_text(one['size'])}) {verb}: {one['copied_to']}\n")
    return "".join(lines)
