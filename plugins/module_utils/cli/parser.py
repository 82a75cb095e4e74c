# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The parser of command lines that all of the command's jobs use."""

from __future__ import annotations

import argparse
import typing as t

from ..errors import UsageError


class Parser(argparse.ArgumentParser):
    """Raises instead of printing and exiting; takes no abbreviations, which a later option could make ambiguous."""

    def __init__(self, **kwargs: t.Any) -> None:
        super().__init__(allow_abbrev=False, **kwargs)

    def error(self, message: str) -> t.NoReturn:
        raise UsageError(message, hint=f"see {self.prog} --help")
