# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The options that several commands of ``dbfleet binlog`` have: connection, output, and what chooses transactions."""

from __future__ import annotations

import argparse
import typing as t

from ..requests.given import Given, given_to_command
from ..requests.option import MYSQL
from ..requests.options import options_of
from .arguments import RefusePassword, add_option, read_password_file

if t.TYPE_CHECKING:
    from ..mysql.binlog.listing import TransactionFilter
    from ..mysql.binlog.replay_changes import ReplayChanges

# What chooses and changes transactions reads whole binlogs, and is imported by the jobs that do.


def add_connection(parser: t.Any, job: str) -> None:
    """The options of a job of the table of options, the connection's among them."""
    for option in options_of(job, MYSQL).values():
        add_option(parser, option, MYSQL)
    parser.add_argument("--password-file", metavar="FILE", help="a private file that holds the password alone")
    parser.add_argument("--password", nargs="?", action=RefusePassword, help=argparse.SUPPRESS)


def add_output(parser: t.Any) -> None:
    """How the result is told."""
    parser.add_argument("--json", action="store_true", help="print one JSON object on standard output")
    parser.add_argument("--quiet", action="store_true", help="show nothing but warnings and errors")


def given_of(arguments: argparse.Namespace, job: str) -> Given:
    """What was given for the options of :func:`add_connection`.

    :raises UsageError: a value is not valid.
    """
    values = {name: value for name, value in vars(arguments).items() if name in options_of(job, MYSQL)}
    if arguments.password_file:
        values["login_password"] = read_password_file(arguments.password_file)
    return given_to_command(job, MYSQL, values)


def add_filters(parser: t.Any) -> None:
    """Options that choose whole transactions."""
    parser.add_argument("--start-datetime", type=_moment, metavar="TIME", help="committed at this time or later")
    parser.add_argument("--stop-datetime", type=_moment, metavar="TIME", help="committed before this time")
    parser.add_argument("--start-position", type=int, default=0, metavar="N", help="from here on in the first file")
    parser.add_argument("--stop-position", type=int, metavar="N", help="before this in the last file")
    parser.add_argument("--include-gtids", default="", metavar="SET", help="only these GTIDs")
    parser.add_argument("--exclude-gtids", default="", metavar="SET", help="all but these GTIDs")
    parser.add_argument("--server-id", type=int, metavar="N", help="made on this server")


def add_row_filters(parser: t.Any, *, verbs: str) -> None:
    """Options that choose by what is touched.

    :param verbs: examples of verbs.
    """
    parser.add_argument("--database", action="append", default=[], metavar="DB", help="that touch this database")
    parser.add_argument("--table", action="append", default=[], metavar="DB.TABLE", help="that touch this table")
    parser.add_argument("--verb", action="append", default=[], metavar="VERB", help=f"that do this: {verbs}")


def _moment(text: str) -> int:
    # Imported where a time is given: with it comes all that reads archives.
    from ..mysql.binlog.target import parse_moment

    return parse_moment(text)


def transaction_filter(arguments: argparse.Namespace, *, rows: bool = False) -> TransactionFilter:
    """What the options choose.

    :param rows: those of :func:`add_row_filters` are there too.
    """
    from ..mysql.binlog.listing import TransactionFilter

    return TransactionFilter(
        start=arguments.start_datetime,
        stop=arguments.stop_datetime,
        start_position=arguments.start_position,
        stop_position=arguments.stop_position,
        include_gtids=arguments.include_gtids,
        exclude_gtids=arguments.exclude_gtids,
        server_id=arguments.server_id,
        databases=tuple(arguments.database) if rows else (),
        tables=tuple(arguments.table) if rows else (),
        verbs=tuple(verb.upper() for verb in arguments.verb) if rows else (),
    )


def add_changes(parser: t.Any) -> None:
    """What is left out of transactions that are applied, and renamed."""
    from ..mysql.binlog.replay_changes import EMPTIED, EMPTY

    for name, metavar, what in (
        ("--database", "DB", "apply only this database"),
        ("--table", "DB.TABLE", "apply only this table"),
        ("--exclude-database", "DB", "leave this database out"),
        ("--exclude-table", "DB.TABLE", "leave this table out"),
        ("--rewrite-db", "OLD->NEW", "apply what is of the database OLD to the database NEW"),
    ):
        parser.add_argument(name, action="append", default=[], metavar=metavar, help=what)
    parser.add_argument(
        "--emptied",
        choices=EMPTIED,
        default=EMPTY,
        help="what becomes of transactions of which nothing is left: apply them as empty ones, or skip them",
    )


def changes_of(arguments: argparse.Namespace) -> ReplayChanges:
    """What was given for the options of :func:`add_changes`.

    :raises UsageError: a value is not valid.
    """
    from ..mysql.binlog.replay_changes import ReplayChanges
    from ..mysql.binlog.replay_filter import Choice
    from ..mysql.binlog.replay_rename import rename_pairs

    choice = Choice(
        databases=tuple(arguments.database),
        tables=tuple(arguments.table),
        exclude_databases=tuple(arguments.exclude_database),
        exclude_tables=tuple(arguments.exclude_table),
    )
    return ReplayChanges(choice, rename_pairs(arguments.rewrite_db), arguments.emptied)
