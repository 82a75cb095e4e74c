# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""A backup that is piped into a restore: kept in a temporary file, as it is read to its end before anything is done."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import typing as t

from ..repository.piped import PipedArtifact
from ..requests.restore import Request
from ..restore import RestoreRequest
from ..streams.base import pour
from ..streams.file import FileSink

STANDARD_INPUT = "-"


@contextlib.contextmanager
def with_standard_input(request: Request) -> t.Iterator[Request]:
    """The request, with a file in the place of standard input; it is gone afterwards.

    The file is in the folder that ``TMPDIR`` names, and readable by its owner only.

    :raises StorageError: standard input cannot be read, or not be kept.
    """
    if isinstance(request, RestoreRequest) and request.origin.source != STANDARD_INPUT:
        yield request
        return
    # Imported here, because few need it and the others start the faster.
    import tempfile

    from ..cluster_script import ClusterScriptRequest

    source = request.source if isinstance(request, ClusterScriptRequest) else request.origin.source
    if source != STANDARD_INPUT:
        yield request
        return
    with tempfile.TemporaryDirectory(prefix="dbfleet-") as folder:
        path = os.path.join(folder, "standard-input")
        _keep(path)
        if isinstance(request, ClusterScriptRequest):
            yield dataclasses.replace(request, source=path)
        else:
            yield dataclasses.replace(request, origin=dataclasses.replace(request.origin, source=path))


def _keep(path: str) -> None:
    piped = PipedArtifact().open("")
    # It is read at once and removed then.
    pour(piped, FileSink(path, durable=False))
