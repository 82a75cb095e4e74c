# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Repositories full of small backups, for what looks at many of them."""

from __future__ import annotations

import dataclasses
import datetime
from pathlib import Path
from typing import Any

from dbfleet.repository.layout import backup_id, database_folder
from dbfleet.repository.manifest import render_manifest
from dbfleet.repository.records import Manifest
from dbfleet.repository.repository import Repository
from tests.unit.repository.samples import CONTENT, make_manifest

UTC = datetime.timezone.utc


def store(root: Path, manifest: Manifest) -> Path:
    """Put a backup where a job would have published it."""
    folder = root / database_folder(manifest.cluster, manifest.database) / manifest.id
    folder.mkdir(parents=True)
    (folder / manifest.contents.artifact).write_bytes(CONTENT)
    (folder / "manifest.json").write_bytes(render_manifest(manifest))
    return folder


def store_backup(
    root: Path, started: datetime.datetime, *, options: dict[str, Any] | None = None, **fields: Any
) -> str:
    """A backup begun at that time; its id."""
    Repository(str(root)).initialise()
    kind = fields.pop("kind", "logical")
    manifest = make_manifest(
        id=backup_id(kind, started),
        kind=kind,
        started_at=started.astimezone(UTC).isoformat(timespec="seconds"),
        **fields,
    )
    if options is not None:
        manifest = dataclasses.replace(manifest, contents=dataclasses.replace(manifest.contents, options=options))
    store(root, manifest)
    return manifest.id
