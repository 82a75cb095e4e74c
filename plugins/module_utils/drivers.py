# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The only file that imports third-party packages: guarded, with the least version of each.

Callers ask for a package by function and get the module, or a :class:`DriverMissingError` that names what to install.
The drivers' own types are not visible to the type checker here on purpose: the engine must be importable without them.
"""

from __future__ import annotations

import re
import typing as t

from .errors import DriverMissingError

try:
    import psycopg as _psycopg
    import psycopg.pq as _psycopg_pq
except ImportError:
    _psycopg = None  # type: ignore[assignment]
    _psycopg_pq = None  # type: ignore[assignment]

try:
    import pymysql as _pymysql
    import pymysql.connections as _pymysql_connections
except ImportError:
    _pymysql = None  # type: ignore[assignment]
    _pymysql_connections = None  # type: ignore[assignment]

try:
    import zstandard as _zstandard
except ImportError:
    _zstandard = None  # type: ignore[assignment]

try:
    import lz4.frame as _lz4_frame  # type: ignore[import-untyped]
except ImportError:
    _lz4_frame = None

try:
    import isal.igzip_lib as _igzip_lib
    import isal.isal_zlib as _isal_zlib
except ImportError:
    _igzip_lib = None  # type: ignore[assignment]
    _isal_zlib = None  # type: ignore[assignment]

try:
    import numpy as _numpy
except ImportError:
    _numpy = None  # type: ignore[assignment]

try:
    import rich as _rich
    import rich.console as _rich_console
    import rich.progress as _rich_progress
except ImportError:
    _rich = None  # type: ignore[assignment]
    _rich_console = None  # type: ignore[assignment]
    _rich_progress = None  # type: ignore[assignment]

LEAST_VERSIONS = {"psycopg": "3.1", "PyMySQL": "1.1", "zstandard": "0.18", "lz4": "4.0", "isal": "1.0"}


def psycopg() -> t.Any:
    """The psycopg 3 package.

    :raises DriverMissingError: it is not installed, its libpq is missing, or it is older than 3.1.
    """
    _require(_psycopg, "psycopg", install="psycopg[binary]", purpose="to talk to PostgreSQL")
    return _psycopg


def psycopg_pq() -> t.Any:
    """psycopg's ``pq`` layer: libpq calls with raw bytes."""
    psycopg()
    return _psycopg_pq


def pymysql() -> t.Any:
    """The PyMySQL package, its ``connections`` module imported.

    :raises DriverMissingError: it is not installed or older than 1.1.
    """
    _require(_pymysql, "PyMySQL", install="PyMySQL", purpose="to talk to MySQL and MariaDB")
    return _pymysql


def zstandard() -> t.Any:
    """The zstandard package, for zstd streams.

    :raises DriverMissingError: it is not installed or too old.
    """
    _require(_zstandard, "zstandard", install="zstandard", purpose="for zstd compression")
    return _zstandard


def lz4_frame() -> t.Any:
    """The ``lz4.frame`` module, for LZ4 frames.

    :raises DriverMissingError: it is not installed or too old.
    """
    _require(_lz4_frame, "lz4", install="lz4", purpose="for lz4 compression")
    return _lz4_frame


def isal_zlib() -> t.Any:
    """The ``isal.isal_zlib`` module (fast zlib streams), or ``None``: zlib itself then does the work."""
    return _isal_zlib


def numpy() -> t.Any:
    """The numpy package, or ``None``: the exact slow path then does the work."""
    return _numpy


def rich_progress() -> t.Any:
    """The ``rich.progress`` module, or ``None``: plain lines are printed then."""
    return _rich_progress


def rich_console() -> t.Any:
    """The ``rich.console`` module, or ``None``."""
    return _rich_console


def _require(module: t.Any, name: str, *, install: str, purpose: str) -> None:
    if module is None:
        raise DriverMissingError(
            f"the Python package {name} is needed {purpose} and is not installed",
            hint=f"install it for this Python, for example: pip install '{install}'",
            package=install,
        )
    least = LEAST_VERSIONS[name]
    found = getattr(module, "__version__", "")
    if found and _version(found) < _version(least):
        raise DriverMissingError(
            f"the Python package {name} {found} is too old: {least} or later is needed {purpose}",
            hint=f"upgrade it, for example: pip install --upgrade '{install}'",
            package=install,
        )


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", text)[:3])
