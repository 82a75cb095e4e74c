# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The options that choose who does a job: this engine, or the vendor's programs."""

from __future__ import annotations

from ..tools.engine import ENGINES, NATIVE
from .option import TRANSFER, WORLDS, Option

ENGINE_OPTIONS = (
    Option(
        "engine",
        "native runs no program; tools runs the vendor's; auto does so where native declares that it cannot",
        ("--engine",),
        TRANSFER,
        choices=dict.fromkeys(WORLDS, ENGINES),
        default=NATIVE,
    ),
    Option("tools_path", "the folder of the vendor's programs", ("--tools-path",), TRANSFER, type="path"),
    Option(
        "scratch_folder",
        "engine tools: where a program's output is until it was checked, /var/tmp by default",
        ("--scratch-folder",),
        TRANSFER,
        type="path",
    ),
)
