# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""What the options of a restore mean for a plain script, and which of them mean nothing."""

from __future__ import annotations

from ..errors import UsageError
from ..interfaces import ArtifactReader
from .options import RestoreOptions
from .script_run import ScriptOptions


def check_script_options(options: RestoreOptions, artifact: ArtifactReader) -> None:
    """
    :raises UsageError: an option does not go with a script.
    """
    if options.clean:
        raise UsageError(
            f"clean does not go with the script {artifact.description}: only the script itself can drop objects",
            hint="restore into a new database (create), or into the target as it is (force)",
        )
    if not options.selection.is_everything:
        raise UsageError(
            f"{artifact.description} is a script, of which nothing can be selected",
            hint="restore it as it is, or select from an archive (format custom, directory or tar)",
        )
    how = options.run
    given = {
        "jobs": options.jobs > 1,
        "transaction_size": how.transaction_size,
        "resume": how.resume,
        "verify": how.verify != "none",
        "analyze": how.analyze,
    }
    for name in (name for name, value in given.items() if value):
        raise UsageError(
            f"{name} does not go with the script {artifact.description}: a script is run statement by statement",
            hint=f"leave {name} out, or back up in the format custom or directory",
        )


def script_options(options: RestoreOptions) -> ScriptOptions:
    """How a script is to be run: one transaction where that is asked for, and in a database that exists already."""
    how = options.run
    several = options.create or how.go_on or how.skip_existing
    return ScriptOptions(
        single_transaction=how.single_transaction or not several,
        skip_existing=how.skip_existing,
        keep_going=how.go_on,
    )
