# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""What a manifest of several databases in one artifact says of one of them."""

from __future__ import annotations

import dataclasses
import typing as t

from ..repository.records import Manifest

#: Among a manifest's options: of each database, what its own manifest would say of it.
DATABASES = "databases"


def databases_of(manifest: Manifest) -> tuple[str, ...]:
    """The databases of a backup of several; none where it was made of one."""
    return tuple(manifest.contents.options.get(DATABASES) or {})


def of_database(manifest: Manifest | None, database: str) -> Manifest | None:
    """The manifest as if it were of one of its databases only; as it is where it was made of one.

    :param database: may be empty for the only one.
    """
    found: t.Mapping[str, t.Any] = manifest.contents.options.get(DATABASES) or {} if manifest is not None else {}
    if not database and len(found) == 1:
        (database,) = found
    if manifest is None or database not in found:
        return manifest
    own = found[database]
    contents = dataclasses.replace(
        manifest.contents,
        tables=tuple(table for table in manifest.contents.tables if table.schema == database),
        objects={str(kind): int(count) for kind, count in own.get("objects", {}).items()},
        options={**manifest.contents.options, DATABASES: None, **own.get("options", {})},
    )
    return dataclasses.replace(manifest, database=database, contents=contents)
