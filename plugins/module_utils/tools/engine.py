# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Which engine does a job: this one, the vendor's programs, or these where this one declares that it cannot."""

from __future__ import annotations

import dataclasses

from ..errors import DbfleetError, DriverMissingError, UnsupportedObjectError
from ..lazy_dataclass import dataclass

NATIVE, TOOLS, AUTO = "native", "tools", "auto"
ENGINES = (NATIVE, TOOLS, AUTO)

_DRIVERS = ("psycopg[binary]", "PyMySQL")


@dataclass(frozen=True)
class Engine:
    """The engine of one job.

    :param name: one of :data:`ENGINES`.
    :param programs: the folder of the vendor's programs; empty for those of ``PATH`` and the usual folders.
    :param scratch_folder: where a program's output is until it was checked; empty for the system's own.
    :param arguments: what the program is told of the job's options, beside what every run needs.
    :param unhonoured: options that were given and that no program knows.
    :param exact: refuse what a program would write other than it is.
    :param reason: why the vendor's programs do what the native engine was to do first; empty where nothing was.
    """

    name: str = NATIVE
    programs: str = ""
    scratch_folder: str = ""
    arguments: tuple[str, ...] = ()
    unhonoured: tuple[str, ...] = ()
    exact: bool = True
    reason: str = ""

    @property
    def runs_programs(self) -> bool:
        """Whether the vendor's programs do the job."""
        return self.name == TOOLS

    def instead(self, error: DbfleetError) -> Engine | None:
        """The engine that does the job after the native one has refused it.

        :return: ``None``: the error is the job's own failure.
        """
        if self.name != AUTO or not is_declared(error) or self.unhonoured:
            return None
        return dataclasses.replace(self, name=TOOLS, reason=error.message)

    def failed_too(self, error: DbfleetError) -> DbfleetError:
        """The error of the programs, with what the native engine had said before."""
        return type(error)(
            f"{error.message}; the native engine could not do it either: {self.reason}",
            hint=error.hint,
            **error.context,
        )


NATIVE_ENGINE = Engine()


def is_declared(error: DbfleetError) -> bool:
    """Whether an error says that the native engine cannot do the job, and not that the job cannot be done.

    That is an object of a kind that it does not know, a server of a version that it does not know, or its driver is
    missing. A password that is wrong, a disk that is full or data that are damaged are no reason.
    """
    if isinstance(error, DriverMissingError):
        return error.context.get("package") in _DRIVERS
    return isinstance(error, UnsupportedObjectError) or bool(error.context.get("unknown_version"))
