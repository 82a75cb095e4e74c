# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""What of an archive of PostgreSQL to restore, out of the options that were given."""

from __future__ import annotations

import dataclasses

from ..errors import NotFoundError, UsageError
from ..postgresql.restore_selection import RestoreSelection
from ..postgresql.restore_use_list import parse_use_list
from ..postgresql.selection.filter_file import RESTORE_KINDS, parse_filter, read_filter_file, with_rules
from ..streams.file import storage_error
from .given import Given

_ONLY = ("schema_only", "data_only", "statistics_only")
_NAMED = ("tables", "indexes", "functions", "triggers", "schemas", "use_list", "filters", "filter_files")


def restore_selection(given: Given) -> RestoreSelection:
    """What to restore.

    :raises UsageError: the options contradict each other, or the list is not valid.
    :raises NotFoundError: there is no such list.
    """
    given.at_most_one(*_ONLY)
    for only, contrary in (
        ("schema_only", "no_schema"),
        ("data_only", "no_data"),
        ("statistics_only", "no_statistics"),
        ("data_only", "clean"),
        ("statistics_only", "clean"),
    ):
        given.at_most_one(only, contrary)
    if given.has("with_dependencies") and not any(given.has(name) for name in _NAMED):
        raise UsageError(
            f"{given.spelled('with_dependencies')} means something only for a choice by name",
            hint=f"give one of {', '.join(map(given.spelled, _NAMED))}",
        )
    if given.has("all_databases") or given.has("globals_only"):
        for name in (*_NAMED, "exclude_schemas"):
            given.only_with(name, "database")
    only = next((name for name in _ONLY if given.has(name)), "")
    selection = RestoreSelection(
        schemas=given.texts("schemas"),
        exclude_schemas=given.texts("exclude_schemas"),
        tables=given.texts("tables"),
        indexes=given.texts("indexes"),
        functions=given.texts("functions"),
        triggers=given.texts("triggers"),
        sections=given.texts("sections"),
        use_list=_use_list(given),
        no_schema=given.switch("no_schema") or only in ("data_only", "statistics_only"),
        no_data=given.switch("no_data") or only in ("schema_only", "statistics_only"),
        no_statistics=given.switch("no_statistics") or only in ("schema_only", "data_only"),
        no_owner=given.switch("no_owner"),
        no_privileges=given.switch("no_privileges"),
        no_comments=given.switch("no_comments"),
        no_policies=given.switch("no_policies"),
        no_publications=given.switch("no_publications"),
        no_subscriptions=given.switch("no_subscriptions"),
        no_security_labels=given.switch("no_security_labels"),
        no_tablespaces=given.switch("no_tablespaces"),
        no_table_access_method=given.switch("no_table_access_method"),
        role_map=tuple(_roles(given, text) for text in given.texts("role_map")),
        strict_names=given.switch("strict_names"),
        with_dependencies=given.switch("with_dependencies"),
    )
    rules = parse_filter("\n".join(given.texts("filters")), name=given.spelled("filters"), kinds=RESTORE_KINDS)
    for path in given.texts("filter_files"):
        rules += read_filter_file(path, RESTORE_KINDS)
    return with_rules(selection, [dataclasses.replace(rule, pattern=_bare(rule.pattern)) for rule in rules])


def _roles(given: Given, text: str) -> tuple[str, str]:
    old, _equals, new = text.partition("=")
    if not (old and new):
        raise UsageError(f"{given.spelled('role_map')} {text!r} does not say who becomes whom", hint="write OLD=NEW")
    return old, new


def check_triggers(given: Given, selection: RestoreSelection) -> None:
    """
    :raises UsageError: triggers are to be switched off where they are not made yet.
    """
    if given.has("disable_triggers") and not selection.no_schema:
        raise UsageError(
            f"{given.spelled('disable_triggers')} means something only where data is restored alone",
            hint=f"add {given.spelled('data_only')}; otherwise the triggers are made after the data",
        )


def _bare(name: str) -> str:
    """A name without the quotes around it: the table of contents has none."""
    quoted = len(name) > 1 and name.startswith('"') and name.endswith('"')
    return name[1:-1].replace('""', '"') if quoted else name


def _use_list(given: Given) -> tuple[int, ...] | None:
    path = given.text("use_list")
    if not path:
        return None
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return parse_use_list(file, name=path)
    except FileNotFoundError as error:
        raise NotFoundError(f"there is no list {path}", path=path) from error
    except OSError as error:
        raise storage_error("read", path, error) from error
