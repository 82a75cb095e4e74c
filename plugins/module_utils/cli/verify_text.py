# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""What a verification found, as the user reads it."""

from __future__ import annotations

import typing as t

from .text import duration_text, table_text

Data = t.Mapping[str, t.Any]


def verify_text(data: Data, *, check: bool) -> str:
    """Every backup that was verified, or in check mode would be."""
    found = data["verifications"]
    count = f"{len(found)} backup{'' if len(found) == 1 else 's'}"
    if check:
        rows = [(one["path"], one["level"]) for one in found]
        return f"{count} would be verified\n" + table_text(("BACKUP", "LEVEL"), rows)
    verdicts = [(one["path"], one["level"], duration_text(one["duration"]), "good") for one in found]
    return f"{count} verified\n" + table_text(("BACKUP", "LEVEL", "TOOK", ""), verdicts, right=("TOOK",))
