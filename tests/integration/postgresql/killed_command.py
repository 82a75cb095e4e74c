# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The dbfleet command, which ends itself by SIGKILL: ``python -m … before|after NUMBER PATTERN -- ARGV``.

It ends before or after the ``NUMBER``-th statement that the pattern matches.
"""

from __future__ import annotations

import os
import re
import signal
import sys
from typing import Any

from dbfleet.cli.main import main
from dbfleet.postgresql.session import Session


def kill_at(when: str, number: int, pattern: str) -> None:
    """Let this process end itself."""
    run = Session._run
    left = number

    def killed(self: Session, sql: str, *arguments: Any, **named: Any) -> Any:
        nonlocal left
        at_hand = bool(re.match(pattern, sql))
        left -= at_hand
        if at_hand and left == 0 and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = run(self, sql, *arguments, **named)
        if at_hand and left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    Session._run = killed  # type: ignore[method-assign]


if __name__ == "__main__":
    moment, count, statement, _separator, *argv = sys.argv[1:]
    kill_at(moment, int(count), statement)
    sys.exit(main(argv))
