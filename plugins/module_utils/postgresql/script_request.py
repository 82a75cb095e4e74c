# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""What the options of a restore mean for a plain script, and which of them mean nothing."""

from __future__ import annotations

from ..errors import UsageError
from ..interfaces import ArtifactReader
from ..repository.records import Manifest
from .options import RestoreOptions
from .script_run import ScriptOptions
from .script_selected import ScriptPart, check_selection


def check_script_options(options: RestoreOptions, artifact: ArtifactReader, manifest: Manifest | None) -> None:
    """
    :raises UsageError: an option does not go with a script.
    """
    if options.clean:
        raise UsageError(
            f"clean does not go with the script {artifact.description}: only the script itself can drop objects",
            hint="restore into a new database (create), or into the target as it is (force)",
        )
    check_selection(options.selection, artifact.description)
    how = options.run
    given = {
        "jobs": options.jobs > 1,
        "transaction_size": how.transaction_size,
        "resume": how.resume,
        "disable_triggers": options.session.disable_triggers,
    }
    for name in (name for name, value in given.items() if value):
        raise UsageError(
            f"{name} does not go with the script {artifact.description}: a script is run statement by statement",
            hint=f"leave {name} out, or back up in the format custom or directory",
        )
    if how.verify != "none" and manifest is None:
        raise UsageError(
            f"verify does not go with the script {artifact.description}, which has no manifest to compare with",
            hint="leave verify out, or restore a backup of dbfleet's own or an archive",
        )


def script_options(options: RestoreOptions) -> ScriptOptions:
    """How a script is to be run: one transaction where that is asked for, and in a database that exists already."""
    how = options.run
    several = options.create or how.go_on or how.skip_existing
    return ScriptOptions(
        single_transaction=how.single_transaction or not several,
        skip_existing=how.skip_existing,
        keep_going=how.go_on,
        part=script_part(options),
    )


def script_part(options: RestoreOptions) -> ScriptPart:
    """What of a script is restored."""
    return ScriptPart(database=options.source_database, selection=options.selection)
