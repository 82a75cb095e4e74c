# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""``python -m dbfleet.cli`` is the ``dbfleet`` command."""

from __future__ import annotations

from .start import main

if __name__ == "__main__":
    raise SystemExit(main())
