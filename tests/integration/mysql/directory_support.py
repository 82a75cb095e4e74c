# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the tests of folders share: making one with several processes, and the genuine myloader."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from dbfleet.mysql.dump import MysqlBackupSource
from dbfleet.progress import Progress
from dbfleet.repository.publication import Publication, WorkerFiles
from dbfleet.repository.records import BackupContents, FileRecord
from dbfleet.repository.staging import StagingFolder
from dbfleet.streams.file import FileSink
from tests.servers import Server
from tests.servers.clients import client

from .backup_support import Made, options


class Folder:
    """An ArtifactWriter that writes into a plain folder, by other processes too."""

    can_patch = True

    def __init__(self, path: Path) -> None:
        self.path = path
        self.adopted: list[FileRecord] = []

    def create(self, path: str) -> FileSink:
        (self.path / path).parent.mkdir(exist_ok=True)
        return FileSink(str(self.path / path))

    def for_worker(self) -> WorkerFiles:
        return Publication(StagingFolder(str(self.path)), manifest_path="manifest.json").for_worker()

    def adopt(self, files: Iterable[FileRecord]) -> None:
        self.adopted.extend(files)


def back_up_folder(server: Server, database: str, folder: Path, **changes: Any) -> Made:
    """Make a backup of the format directory with the engine itself."""
    folder.mkdir(exist_ok=True)
    progress = Progress()
    source = MysqlBackupSource(options(server, database, format="directory", **changes))
    try:
        contents: BackupContents = source.write(Folder(folder), progress)
    finally:
        source.close()
    return Made(contents, folder / contents.artifact, progress.warnings)


def load_with_myloader(server: Server, folder: Path, database: str, *, threads: int = 2) -> None:
    """Load a folder with the genuine program, which says of failures only in its output."""
    # Its client library is older than the default way to log in to a MySQL of today.
    done = client("myloader").run(
        server, "--directory", folder, "--database", database, "--threads", str(threads), "--enable-binlog"
    )
    complaints = [line for line in done.stderr.decode(errors="replace").splitlines() if "CRITICAL" in line]
    assert not complaints, complaints[:5]


def without_added_blanks(found: dict[str, Any]) -> dict[str, Any]:
    """A picture in which the blanks that myloader needs behind semicolons do not count."""

    def clean(value: Any) -> Any:
        if isinstance(value, str):
            return re.sub(r"; *\n", ";\n", value)
        if isinstance(value, dict):
            return {key: clean(one) for key, one in value.items()}
        return value

    return {key: clean(value) for key, value in found.items()}
