# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The command line: python -m tests.fleet check|image|up|ls|exec|reboot|inventory|down."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.servers.errors import ServerUnavailable

from . import image, machine
from .errors import FleetError, FleetUnavailable
from .fleet import Fleet


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit code is 0 done, 1 failed, 2 wrong usage, 3 not possible on this machine."""
    options = _parser().parse_args(arguments)
    try:
        code: int = options.run(options, Fleet(options.fleet))
    except (FleetUnavailable, ServerUnavailable) as error:
        print(f"no hosts here: {error}", file=sys.stderr)
        return 3
    except FleetError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.fleet", description="Real hosts for tests.")
    named = os.environ.get("DBFLEET_FLEET", "fleet")
    parser.add_argument("--fleet", default=named, metavar="NAME", help=f"which fleet; by default {named}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    command = commands.add_parser("check", help="say whether this machine can run hosts, and if not, why")
    command.set_defaults(run=_check)
    command = commands.add_parser("image", help="make images; 'all' means every one")
    command.add_argument("names", nargs="+", metavar="NAME", choices=["all", *image.IMAGES])
    command.set_defaults(run=_image)
    command = commands.add_parser("up", help="start hosts and wait until they answer")
    command.add_argument("hosts", nargs="+", metavar="NAME[=IMAGE]", help="an image is base, postgresql or mariadb")
    command.set_defaults(run=_up)
    command = commands.add_parser("ls", help="show the hosts")
    command.set_defaults(run=_list)
    command = commands.add_parser("exec", help="run a command on a host, by a shell")
    command.add_argument("--user", default="root", help="root (by default) or deploy")
    command.add_argument("host", metavar="HOST")
    command.add_argument("words", nargs=argparse.REMAINDER, metavar="WORD")
    command.set_defaults(run=lambda options, fleet: fleet.ssh(options.host, options.words, user=options.user))
    command = commands.add_parser("reboot", help="boot a host again and wait for it")
    command.add_argument("host", metavar="HOST")
    command.set_defaults(run=_reboot)
    command = commands.add_parser("inventory", help="print an inventory for Ansible, with a group for each image")
    command.add_argument("--group", action="append", default=[], metavar="NAME=HOST,HOST", help="another group")
    command.add_argument("--output", metavar="FILE", help="write it there")
    command.set_defaults(run=_inventory)
    command = commands.add_parser("down", help="end hosts; without a name the whole fleet")
    command.add_argument("names", nargs="*", metavar="NAME")
    command.set_defaults(run=_down)
    return parser


def _check(options: argparse.Namespace, fleet: Fleet) -> int:
    machine.probe()
    return 0


def _image(options: argparse.Namespace, fleet: Fleet) -> int:
    for name in image.IMAGES if "all" in options.names else options.names:
        print(f"{name}: {image.ensure(name).folder}")
    return 0


def _up(options: argparse.Namespace, fleet: Fleet) -> int:
    wanted = {name: kind or "base" for name, _equals, kind in (word.partition("=") for word in options.hosts)}
    for host in fleet.up(wanted):
        print(f"{host.name}\t{host.address}")
    return 0


def _list(options: argparse.Namespace, fleet: Fleet) -> int:
    for host in fleet.hosts:
        print(f"{host.name:20} {host.address:15} {host.image:12} {'running' if host.running else 'ended'}")
    return 0


def _reboot(options: argparse.Namespace, fleet: Fleet) -> int:
    fleet.reboot(options.host)
    return 0


def _inventory(options: argparse.Namespace, fleet: Fleet) -> int:
    pairs = [word.partition("=") for word in options.group]
    text = json.dumps(fleet.inventory({name: hosts.split(",") for name, _equals, hosts in pairs}), indent=2)
    if options.output:
        Path(options.output).write_text(text)
    else:
        print(text)
    return 0


def _down(options: argparse.Namespace, fleet: Fleet) -> int:
    fleet.down(options.names)
    return 0


if __name__ == "__main__":
    sys.exit(main())
