# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The arguments of the commands that look at many repositories at once."""

from __future__ import annotations

import argparse
import typing as t

from ..requests.given import Given, given_to_command
from ..requests.options import options_of
from .arguments import add_option
from .parser import Parser


def overview_arguments(job: str, summary: str, arguments: t.Sequence[str]) -> tuple[argparse.Namespace, Given]:
    """Understand the arguments of ``dbfleet report`` or ``dbfleet metrics``.

    :raises UsageError: they are not understood, or contradict each other.
    :raises SystemExit: for ``--help``, which has been printed.
    """
    parser = Parser(prog=f"dbfleet {job}", description=f"{summary[0].upper()}{summary[1:]}.")
    parser.add_argument("repositories", metavar="REPOSITORY", nargs="*", help="where the backups of many servers live")
    for option in options_of(job).values():
        add_option(parser, option, "")
    parser.add_argument("--json", action="store_true", help="print one JSON object on standard output")
    parser.add_argument("--quiet", action="store_true", help="show nothing but warnings and errors")
    namespace = parser.parse_args(arguments)
    switches = ("json", "quiet")
    values = {name: value for name, value in vars(namespace).items() if name not in switches}
    return namespace, given_to_command(job, "", values)
