# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""What the digest of a table's data in a manifest is taken of."""

from __future__ import annotations

from ..repository.records import Manifest

#: The option in a manifest that says it, and what it says of folders.
DIGESTED, FILES = "digested", "files"


def has_known_digests(manifest: Manifest) -> bool:
    """Whether the digests of tables are taken of what is digested today: a script's statements, a folder's files.

    Folders that were written before 0.1.0 have digests of statements, which are no longer compared with anything: the
    digests of their files are.
    """
    contents = manifest.contents
    return contents.format != "directory" or contents.options.get(DIGESTED) == FILES
