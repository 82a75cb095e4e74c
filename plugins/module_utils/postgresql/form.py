# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The form in which a backup is written: format, compression, archive version, and which of them go together."""

from __future__ import annotations

import dataclasses
import typing as t

from ..errors import UsageError
from ..repository.records import PARTIAL
from ..streams.compression import Compression
from .archive.header import parse_version, version_for, version_text
from .archive.script import ScriptOptions, new_restrict_key
from .archive.writer import DEFAULT_COMPRESSION, FORMATS
from .inserts import InsertOptions
from .options import BackupOptions, DumpSettings, ScriptForm
from .selection.options import Selection

_PLAIN_ONLY = ("clean", "if_exists", "create", "restrict_key")
_RECORDED = (
    "clean", "if_exists", "create", "inserts", "column_inserts", "rows_per_insert", "on_conflict_do_nothing",
    "serializable_deferrable",
)  # fmt: skip
#: What the options that make a script say less are called.
_SAID_AS = {
    "owners": "no_owner",
    "session_authorization": "use_set_session_authorization",
    "tablespaces": "no_tablespaces",
    "access_methods": "no_table_access_method",
    "disable_triggers": "disable_triggers",
}
_FLOAT_DIGITS = (-15, 3)
_COMPRESSIONS = {"tar": ("none",)}
#: The archive version that the pg_dump of each series writes.
_SERIES_VERSIONS = ((170000, (1, 16)), (160000, (1, 15)), (120000, (1, 14)), (0, (1, 13)))


def form_of(options: BackupOptions) -> Compression:
    """The compression of a backup, once it is sure that all options go together.

    :raises UsageError: they do not; nothing was touched.
    """
    if options.format not in FORMATS:
        raise UsageError(f"unknown format {options.format!r}", hint=f"use one of {', '.join(FORMATS)}")
    compression = Compression.parse(options.compression or DEFAULT_COMPRESSION[options.format])
    allowed = _COMPRESSIONS.get(options.format)
    if allowed is not None and compression.method not in allowed:
        raise UsageError(
            f"the format {options.format} cannot be compressed with {compression.method}",
            hint="leave --compress out, or use the format custom or directory",
        )
    if options.jobs != 1 and options.format != "directory":
        raise UsageError(
            f"the {options.format} format is written by one job",
            hint="leave --jobs at 1, or use the format directory",
            jobs=options.jobs,
        )
    if options.jobs != 1 and options.selection.foreign_data:
        raise UsageError("rows of foreign tables are read by one job", hint="leave --jobs at 1", jobs=options.jobs)
    least, most = _FLOAT_DIGITS
    if not least <= options.settings.extra_float_digits <= most:
        raise UsageError(f"extra_float_digits goes from {least} to {most}")
    _check_script(options)
    if options.on_conflict_do_nothing and insert_options(options) is None:
        raise UsageError(
            "on_conflict_do_nothing means something only for INSERT statements",
            hint="add inserts, column_inserts or rows_per_insert",
        )
    if options.snapshot and options.serializable_deferrable:
        raise UsageError(
            "a given snapshot cannot be waited for: snapshot and serializable_deferrable exclude each other"
        )
    if options.archive_version:
        _check_version(options, compression)
    return compression


def _check_script(options: BackupOptions) -> None:
    if options.format != "plain":
        given = [name for name in _PLAIN_ONLY if getattr(options, name)]
        given += [_SAID_AS[name] for name in _unusual(options.script)]
        if given:
            raise UsageError(
                f"{given[0]} means something only for the format plain",
                hint="the other formats hold all of it; choose when restoring",
            )
    if options.if_exists and not options.clean:
        raise UsageError("if_exists means something only together with clean")
    if options.clean and not options.selection.definitions:
        raise UsageError("clean and data alone exclude each other: what is dropped would not be made again")
    if options.script.disable_triggers and options.selection.definitions:
        raise UsageError(
            "disable_triggers means something only where the data is backed up alone",
            hint="add data_only; otherwise the triggers are made after the data",
        )
    if options.restrict_key and not options.restrict:
        raise UsageError("a restrict key and no restriction exclude each other")
    script_options(options)


def _check_version(options: BackupOptions, compression: Compression) -> None:
    if options.format == "plain":
        raise UsageError("a plain script has no archive version", hint="leave --archive-version out")
    version = parse_version(options.archive_version)
    if version < version_for(compression, least=version):
        raise UsageError(
            f"an archive of version {options.archive_version} cannot hold {compression.method} compressed data",
            hint="use gzip or none, or archive version 1.15 (read by pg_restore 16 and later)",
        )


def archive_version(options: BackupOptions, compression: Compression, server_version: int) -> tuple[int, int]:
    """The version of the archive: the one asked for, else that of the source's own pg_dump or the compression's.

    :param server_version: ``server_version_num``.
    """
    if options.archive_version:
        return parse_version(options.archive_version)
    least = next(version for since, version in _SERIES_VERSIONS if server_version >= since)
    return version_for(compression, least=least)


def script_options(options: BackupOptions) -> ScriptOptions:
    """How a plain script is written.

    :raises UsageError: the restrict key is not valid.
    """
    key = options.restrict_key
    if options.restrict and not key:
        key = new_restrict_key()
    said = options.script
    return ScriptOptions(
        clean=options.clean,
        if_exists=options.if_exists,
        create=options.create,
        restrict_key=key,
        owners=said.owners,
        session_authorization=said.session_authorization,
        tablespaces=said.tablespaces,
        access_methods=said.access_methods,
        disable_triggers=said.disable_triggers,
        row_security=options.settings.row_security,
    )


def insert_options(options: BackupOptions) -> InsertOptions | None:
    """How rows become INSERT statements; ``None`` where they are stored as they are."""
    if not (options.inserts or options.column_inserts or options.rows_per_insert):
        return None
    return InsertOptions(options.column_inserts, max(1, options.rows_per_insert), options.on_conflict_do_nothing)


def recorded_options(options: BackupOptions, version: tuple[int, int]) -> dict[str, t.Any]:
    """The options that shaped the content, as the manifest keeps them."""
    recorded: dict[str, t.Any] = {} if options.format == "plain" else {"archive_version": version_text(version)}
    for name in _RECORDED:
        value = getattr(options, name)
        if value:
            recorded[name] = value
    for chosen in (options.selection, options.settings, options.script):
        recorded.update(_unusual(chosen))
    if options.selection.is_a_part or options.settings.row_security:
        recorded[PARTIAL] = True
    return recorded


def deciding_options(options: BackupOptions) -> dict[str, t.Any]:
    """What decides which part of a database is taken, by the names in a manifest; ``None`` for what has none there."""
    unusual = {**_unusual(options.selection), **_unusual(options.settings)}
    names = [*(field.name for field in dataclasses.fields(Selection) if field.name != "strict_names"), "row_security"]
    return {name: unusual.get(name) for name in names}


def _unusual(chosen: Selection | DumpSettings | ScriptForm) -> dict[str, t.Any]:
    """What differs from the defaults, by its name."""
    usual = type(chosen)()
    found = {field.name: getattr(chosen, field.name) for field in dataclasses.fields(chosen)}
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in found.items()
        if value != getattr(usual, name)
    }
