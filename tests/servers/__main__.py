# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The command line: python -m tests.servers install|start|stop|list|env|sweep."""

from __future__ import annotations

import argparse
import contextlib
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from . import folders, registry
from .errors import ServerStartError, ServerUnavailable
from .install import install, installed, record
from .instance import Server, start
from .paths import cache_dir, locked, state_dir


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit code is 0 done, 1 failed or not to be had, 2 wrong usage."""
    options = _parser().parse_args(arguments)
    try:
        code: int = options.run(options)
    except (ServerUnavailable, ServerStartError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.servers", description="Real database servers for tests.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    command = commands.add_parser("install", help="download builds; 'all' means every one")
    command.add_argument("names", nargs="+", metavar="NAME", choices=["all", *registry.names()])
    command.set_defaults(run=_install)
    command = commands.add_parser("start", help="start a server in the background")
    command.add_argument("name", metavar="NAME", choices=registry.SERVERS)
    command.add_argument("--tls", action="store_true", help="with certificates made for it")
    command.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting of the server")
    command.set_defaults(run=_start)
    command = commands.add_parser("stop", help="stop a server and remove its folder; 'all' means every one")
    command.add_argument("names", nargs="+", metavar="NAME", choices=["all", *registry.SERVERS])
    command.set_defaults(run=_stop)
    command = commands.add_parser("list", help="show every name, whether it is installed and where it runs")
    command.set_defaults(run=_list)
    command = commands.add_parser("env", help="print the variables with which client programs find a running server")
    command.add_argument("name", metavar="NAME", choices=registry.SERVERS)
    command.add_argument("--tcp", action="store_true", help="by 127.0.0.1, not by the socket")
    command.set_defaults(run=_env)
    command = commands.add_parser("sweep", help="remove what killed runs left")
    command.set_defaults(run=_sweep)
    return parser


def _install(options: argparse.Namespace) -> int:
    names = registry.names() if "all" in options.names else options.names
    missing = 0
    for name in names:
        build = registry.build_of(name)
        was_there = installed(build) is not None
        try:
            folder = install(build)
        except ServerUnavailable as error:
            missing += 1
            print(f"{name}: not to be had: {error.reason}", file=sys.stderr)
            continue
        print(f"{name}: {folder} ({'was there' if was_there else str(record(build)['seconds']['total']) + ' s'})")
    return 1 if missing else 0


def _start(options: argparse.Namespace) -> int:
    with locked(f"cli-{options.name}"):
        server = _running(options.name)
        if server is None:
            server = start(options.name, tls=options.tls, extra_config=options.set)
            server.detach()
            _state_file(options.name).write_text(str(server.folder))
            print(f"{server.name} started: pid {server.pid}, port {server.port}, socket {server.socket}")
        else:
            print(f"{server.name} is running already: pid {server.pid}, port {server.port}, socket {server.socket}")
    return 0


def _stop(options: argparse.Namespace) -> int:
    for name in registry.SERVERS if "all" in options.names else options.names:
        with locked(f"cli-{name}"):
            server = _attached(name)
            if server is not None:
                server.stop()
                print(f"{name} stopped")
            elif "all" not in options.names:
                print(f"{name} was not running")
            _state_file(name).unlink(missing_ok=True)
    return 0


def _list(options: argparse.Namespace) -> int:
    print(f"cache: {cache_dir()}")
    for name in registry.names():
        there = "installed" if installed(registry.build_of(name)) else "-"
        server = _running(name) if name in registry.SERVERS else None
        where = f"running: pid {server.pid}, port {server.port}, socket {server.socket}" if server else ""
        print(f"{name:18} {there:10} {where}".rstrip())
    return 0


def _env(options: argparse.Namespace) -> int:
    server = _running(options.name)
    if server is None:
        print(f"error: {options.name} is not running; start it first", file=sys.stderr)
        return 1
    for key, value in server.env(tcp=options.tcp).items():
        print(f"export {key}={shlex.quote(value)}")
    return 0


def _sweep(options: argparse.Namespace) -> int:
    for folder in folders.sweep():
        print(f"removed {folder}")
    return 0


def _state_file(name: str) -> Path:
    return state_dir() / name


def _attached(name: str) -> Server | None:
    """The server that this command line started and did not stop, dead or alive."""
    with contextlib.suppress(FileNotFoundError):
        return Server.attach(Path(_state_file(name).read_text()))
    return None


def _running(name: str) -> Server | None:
    server = _attached(name)
    return server if server is not None and server.running else None


if __name__ == "__main__":
    sys.exit(main())
