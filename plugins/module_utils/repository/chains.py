# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Chains of physical backups: an incremental one is worth nothing without those that it builds on."""

from __future__ import annotations

from ..errors import CorruptArtifactError
from .layout import PHYSICAL_NAME
from .records import Manifest
from .repository import CatalogueEntry, Repository

#: The option in a manifest's contents that names what a backup builds on; empty for a full one.
INCREMENTAL = "incremental"
_LONGEST_CHAIN = 10_000


def parent_of(manifest: Manifest) -> str:
    """The id of the backup that one builds on, empty for a full one."""
    return str(manifest.contents.options.get(INCREMENTAL) or "")


def chain_of(repository: Repository, entry: CatalogueEntry) -> list[CatalogueEntry]:
    """A backup with all that it builds on: the full one first, itself last.

    :raises CorruptArtifactError: one of them is gone.
    """
    chain = [entry]
    while True:
        first = chain[0].manifest
        parent = parent_of(first)
        if not parent:
            return chain
        found = repository.entry(first.cluster, PHYSICAL_NAME, parent)
        if found is None or len(chain) > _LONGEST_CHAIN:
            raise CorruptArtifactError(
                f"backup {first.id} builds on {parent}, which is not in the repository {repository.location}",
                hint="make a full backup; what is left of the chain cannot be restored",
            )
        chain.insert(0, found)
