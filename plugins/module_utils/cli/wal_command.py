# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""What the commands of ``dbfleet wal`` have in common: their arguments, and what they give back."""

from __future__ import annotations

import argparse
import typing as t

from ..progress import Progress
from ..requests.given import Given, given_to_command
from ..requests.option import POSTGRESQL
from ..requests.options import options_of
from .arguments import RefusePassword, add_option, read_password_file
from .parser import Parser


class Outcome(t.NamedTuple):
    """What a command did.

    :param data: for ``--json``.
    :param text: for a person; goes to standard error, so that nothing of it disturbs a server's log of commands.
    :param exit_code: of a command that answers a question by it.
    :param is_answer: the text is what was asked for, and goes to standard output.
    """

    data: dict[str, t.Any]
    text: str
    exit_code: int = 0
    is_answer: bool = False


class WalCommand(t.Protocol):
    """What the file of a command has."""

    def add_arguments(self, parser: Parser) -> None:
        """Describe the command's arguments; those of :func:`add_output` are there."""

    def run(self, arguments: argparse.Namespace, progress: Progress) -> Outcome:
        """Do it.

        :raises DbfleetError: it failed.
        """


def add_options(parser: Parser, job: str) -> None:
    """The options of a job of the table of options, a file for the password where there is a connection."""
    options = options_of(job, POSTGRESQL)
    for option in options.values():
        add_option(parser, option, POSTGRESQL)
    if "login_password" in options:
        parser.add_argument("--password-file", metavar="FILE", help="a private file that holds the password alone")
        parser.add_argument("--password", nargs="?", action=RefusePassword, help=argparse.SUPPRESS)


def add_check(parser: Parser) -> None:
    """Only saying what would be done."""
    parser.add_argument("--check", "--dry-run", action="store_true", help="say what would be done, change nothing")


def add_output(parser: Parser) -> None:
    """How the result is told."""
    parser.add_argument("--json", action="store_true", help="print one JSON object on standard output")
    parser.add_argument("--quiet", action="store_true", help="show nothing but warnings and errors")


def given_of(arguments: argparse.Namespace, job: str) -> Given:
    """What was given for the options of :func:`add_options`.

    :raises UsageError: a value is not valid.
    """
    values = {name: value for name, value in vars(arguments).items() if name in options_of(job, POSTGRESQL)}
    if getattr(arguments, "password_file", None):
        values["login_password"] = read_password_file(arguments.password_file)
    return given_to_command(job, POSTGRESQL, values)
