# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How fast scripts are split into statements and rows: ``python -m bench.script_speed [--megabytes N]``.

No server and no other tool takes part: the figure is bytes of script by processor seconds, of the whole walk that comes
before a restore, digests of the rows included.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from dbfleet.postgresql.script_verify import verify_script
from dbfleet.progress import Progress
from dbfleet.repository.artifact import open_artifact

_HEAD = (
    "SET client_encoding = 'UTF8';\nSET standard_conforming_strings = on;\n"
    "CREATE TABLE public.t (a int, b text, c text);\n"
)
_END = "--\n-- PostgreSQL database dump complete\n--\n"
_PIECE = 5000


def _copied(number: int) -> str:
    return f"{number}\tname of {number}\t" + "a text with \\n lines and 'quotes' in it " * 4 + "\n"


def _inserted(number: int) -> str:
    text = "a text with lines and ''quotes'' in it; " * 4
    return f"INSERT INTO public.t VALUES ({number}, 'name of {number}', '{text}');\n"


def _write(path: Path, size: int, *, inserts: bool) -> None:
    line = _inserted if inserts else _copied
    piece = "".join(line(number) for number in range(_PIECE))
    with path.open("w", encoding="utf-8") as file:
        file.write(_HEAD if inserts else _HEAD + "COPY public.t (a, b, c) FROM stdin;\n")
        for _number in range(max(1, size // len(piece))):
            file.write(piece)
        file.write(_END if inserts else "\\.\n\n" + _END)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.script_speed", description=__doc__)
    parser.add_argument("--megabytes", type=int, default=200, help="the size of each script (default 200)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="dbfleet-bench-") as folder:
        for kind in ("COPY", "INSERT"):
            path = Path(folder) / f"{kind}.sql"
            _write(path, arguments.megabytes * 1_000_000, inserts=kind == "INSERT")
            speeds = []
            for _run in range(3):
                began = time.process_time()
                verify_script(open_artifact(str(path)), None, Progress())
                speeds.append(path.stat().st_size / 1e6 / (time.process_time() - began))
            print(f"script of {kind}: {max(speeds):.0f} MB a processor second (best of 3)")


if __name__ == "__main__":
    main()
