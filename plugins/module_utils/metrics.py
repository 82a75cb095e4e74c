# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""How backups stand as a text file for the Prometheus node exporter.

Every file is written anew and as a whole, so the series of a database that is gone end with it. The format is
Prometheus's text exposition format, version 0.0.4; the node exporter's textfile collector takes no timestamps.
"""

from __future__ import annotations

import math
import os
import typing as t

from .errors import UsageError
from .lazy_dataclass import dataclass
from .overview import OverviewRequest, Plain, overview, parsed
from .release import VERSION
from .streams.replaced_file import replace_file

SUFFIX = ".prom"
#: The node exporter runs as another user, and nothing in the file is a secret.
METRICS_MODE = 0o644

#: Of each series its kind and what it means.
FAMILIES = {
    "dbfleet_build_info": "The version of dbfleet that wrote this.",
    "dbfleet_metrics_timestamp_seconds": "When this was written.",
    "dbfleet_repository_up": "Whether the repository could be read.",
    "dbfleet_repository_damaged_manifests": "Manifests of the repository that cannot be trusted.",
    "dbfleet_backup_last_success_timestamp_seconds": "When the newest good backup of the whole database ended.",
    "dbfleet_backup_age_seconds": "Since the newest good backup of the whole database began, when this was written.",
    "dbfleet_backup_objective_seconds": "How old the newest good backup may be.",
    "dbfleet_backup_duration_seconds": "How long the newest good backup took.",
    "dbfleet_backup_size_bytes": "The size of the newest good backup.",
    "dbfleet_backup_rows": "The rows in the newest good backup.",
    "dbfleet_backup_tables": "The tables in the newest good backup.",
    "dbfleet_backup_count": "The backups of the database.",
    "dbfleet_backup_total_size_bytes": "The size of all backups of the database.",
    "dbfleet_backup_state": "How the database stands: 0 is well, 1 a warning, 2 critical.",
    "dbfleet_verification_timestamp_seconds": "When a backup of the database was last verified at this level.",
    "dbfleet_verification_age_seconds": "Since then, when this was written.",
    "dbfleet_verification_success": "Whether that verification passed.",
    "dbfleet_verification_duration_seconds": "How long it took.",
    "dbfleet_window_begin_timestamp_seconds": "The first moment that backups and archived logs can bring back.",
    "dbfleet_window_end_timestamp_seconds": "The last moment that they can bring back.",
    "dbfleet_window_gap": "Whether archived logs are missing behind the last moment.",
    "dbfleet_archive_lag_seconds": "How far the archiver of binlogs or WAL was behind when it last said so.",
    "dbfleet_archive_lag_bytes": "The same in bytes.",
    "dbfleet_archive_updated_timestamp_seconds": "When the archiver last said so.",
    "dbfleet_job_last_run_timestamp_seconds": "When the job last ended.",
    "dbfleet_job_last_success_timestamp_seconds": "When the job last succeeded.",
    "dbfleet_job_last_duration_seconds": "How long its last run took.",
    "dbfleet_job_success": "Whether its last run succeeded; a skipped one did.",
    "dbfleet_job_runs_total": "How often the job ran.",
    "dbfleet_job_failures_total": "How often it failed.",
    "dbfleet_job_consecutive_failures": "How often it failed since it last succeeded.",
    "dbfleet_job_objective_seconds": "The time within which it has to succeed.",
    "dbfleet_job_next_due_timestamp_seconds": "When it is to run next.",
}

#: Names and values.
Labels = tuple[tuple[str, str], ...]
Sample = tuple[str, Labels, float]


@dataclass(frozen=True)
class MetricsRequest:
    """What to count, and the file to write; ``-`` or nothing for the text alone."""

    of: OverviewRequest
    output: str = ""


@dataclass(frozen=True)
class MetricsResult:
    """The text, and what it is made of (see :func:`.overview.overview`)."""

    text: str
    overview: Plain
    output: str

    def to_dict(self) -> Plain:
        return {"changed": bool(self.output), "output": self.output, "overview": self.overview}


def write_metrics(request: MetricsRequest) -> MetricsResult:
    """Look at the backups and write the metrics.

    :raises UsageError: the file would not be read: its name does not end with ``.prom``.
    :raises StorageError: it could not be written; the old one is still there.
    :raises CorruptArtifactError: the status of a job is damaged.
    """
    output = "" if request.output == "-" else request.output
    if output:
        check_output(output)
    found = overview(request.of)
    text = metrics_text(found)
    if output:
        # A half-written or a stale file must not be taken for the present one, hence in its place at once; what is
        # lost with the machine is written again after its next start.
        replace_file(os.path.abspath(output), text.encode("utf-8", "backslashreplace"), mode=METRICS_MODE)
    return MetricsResult(text, found, output)


def check_output(path: str) -> None:
    """:raises UsageError: the node exporter would not read a file of that name."""
    if not path.endswith(SUFFIX):
        raise UsageError(
            f"the node exporter would not read {path}", hint=f"let the file's name end with {SUFFIX}", path=path
        )


def metrics_text(found: Plain) -> str:
    """An overview as metrics."""
    by_family: dict[str, dict[Labels, float]] = {}
    for family, labels, value in _samples(found):
        if not math.isnan(value):
            by_family.setdefault(family, {})[labels] = value
    lines = []
    for family, help_text in FAMILIES.items():
        if family not in by_family:
            continue
        kind = "counter" if family.endswith("_total") else "gauge"
        lines += [f"# HELP {family} {help_text}", f"# TYPE {family} {kind}"]
        lines += [f"{family}{_labels(labels)} {_number(value)}" for labels, value in by_family[family].items()]
    return "\n".join(lines) + "\n"


def _samples(found: Plain) -> t.Iterator[Sample]:
    yield "dbfleet_build_info", (("version", VERSION),), 1
    yield "dbfleet_metrics_timestamp_seconds", (), _seconds(found["generated_at"])
    for repository in found["repositories"]:
        labels: Labels = (("repository", repository["location"]),)
        yield "dbfleet_repository_up", labels, not repository["error"]
        damaged = sum(one["repository"] == repository["location"] for one in found["damaged"])
        yield "dbfleet_repository_damaged_manifests", labels, damaged
    for database in found["databases"]:
        yield from _of_database(database)
    for archive in found["archives"]:
        labels = tuple((name, archive[name]) for name in ("repository", "cluster", "kind", "log"))
        yield "dbfleet_archive_lag_seconds", labels, _optional(archive["lag_seconds"])
        yield "dbfleet_archive_lag_bytes", labels, _optional(archive["lag_bytes"])
        yield "dbfleet_archive_updated_timestamp_seconds", labels, _seconds(archive["updated_at"])
    for job in found["jobs"]:
        yield from _of_job(job)


def _of_database(database: Plain) -> t.Iterator[Sample]:
    labels = tuple((name, database[name]) for name in ("repository", "cluster", "database", "kind", "dbms"))
    newest, window = database["newest"], database["window"]
    yield "dbfleet_backup_count", labels, database["count"]
    yield "dbfleet_backup_total_size_bytes", labels, database["total_size"]
    yield "dbfleet_backup_state", labels, ("ok", "warning", "critical").index(database["state"])
    yield "dbfleet_backup_objective_seconds", labels, database["objective"] or math.nan
    if newest is not None:
        yield "dbfleet_backup_last_success_timestamp_seconds", labels, _seconds(newest["finished_at"])
        yield "dbfleet_backup_age_seconds", labels, database["age"]
        yield "dbfleet_backup_duration_seconds", labels, newest["duration"]
        yield "dbfleet_backup_size_bytes", labels, newest["size"]
        yield "dbfleet_backup_rows", labels, newest["rows"]
        yield "dbfleet_backup_tables", labels, newest["table_count"]
    for one in database["verification"]:
        of_level = (*labels, ("level", one["level"]))
        yield "dbfleet_verification_timestamp_seconds", of_level, _seconds(one["verified_at"])
        yield "dbfleet_verification_age_seconds", of_level, one["age"]
        yield "dbfleet_verification_success", of_level, one["passed"]
        yield "dbfleet_verification_duration_seconds", of_level, one["duration"]
    if window is not None:
        yield "dbfleet_window_begin_timestamp_seconds", labels, _seconds(window["begins"])
        yield "dbfleet_window_end_timestamp_seconds", labels, _seconds(window["ends"])
        yield "dbfleet_window_gap", labels, bool(window["gap"])


def _of_job(job: Plain) -> t.Iterator[Sample]:
    labels = (("job_name", job["name"]), ("action", job["job"]))
    run = job["last_run"]
    yield "dbfleet_job_last_success_timestamp_seconds", labels, _seconds(job["last_success_at"])
    yield "dbfleet_job_runs_total", labels, job["runs"]
    yield "dbfleet_job_failures_total", labels, job["failures"]
    yield "dbfleet_job_consecutive_failures", labels, job["consecutive_failures"]
    yield "dbfleet_job_objective_seconds", labels, job["objective"] or math.nan
    yield "dbfleet_job_next_due_timestamp_seconds", labels, _seconds(job["next_due_at"])
    if run is not None:
        yield "dbfleet_job_last_run_timestamp_seconds", labels, _seconds(run["finished_at"])
        yield "dbfleet_job_last_duration_seconds", labels, run["duration"]
        yield "dbfleet_job_success", labels, run["outcome"] != "failure"


def _seconds(moment: str) -> float:
    """Seconds since 1970, not a number for a moment that never was."""
    return parsed(moment).timestamp() if moment else math.nan


def _optional(value: float | None) -> float:
    return math.nan if value is None else value


def _labels(labels: Labels) -> str:
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels) + "}" if labels else ""


def _escaped(value: str) -> str:
    """As the exposition format has it: only these three characters mean something in a label's value.

    What the parsers take for an end of the line (Python's takes many characters for one) and bytes that are no text are
    written out, so that a name cannot end a line.
    """
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return "".join(
        one if one.isprintable() else "\\\\" + one.encode("unicode_escape", "surrogatepass").decode("ascii")[1:]
        for one in escaped
    )


def _number(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else repr(float(value))
