# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Installing the ``dbfleet`` command on a host, going back to the version before, and removing it."""

from __future__ import annotations

import dataclasses
import os
import tempfile
import typing as t

from ..errors import InstallationError, UsageError
from ..lazy_dataclass import dataclass
from ..progress import Progress
from ..release import VERSION
from .bundle import wheels_out_of
from .environment import Installed, is_whole, make_environment, remove_environment
from .index import fetch_wheels, find_pip
from .payload import digest_of, engine_files
from .python_host import HostPython, Run, probe_python
from .versions import Versions
from .wheels import Wheel, check_components, wheels_for

PRESENT, ROLLED_BACK, ABSENT = "present", "rolled_back", "absent"
INDEX, BUNDLE, DISTRIBUTION = "index", "bundle", "distribution"
_ID_DIGITS = 12


@dataclass(frozen=True)
class InstallRequest:
    """What to install, and where.

    :param root: the folder of the versions.
    :param command: the link to the command, empty for none.
    :param components: what the drivers are for; see ``locked.py``.
    :param drivers_from: an index of Python packages, a bundle, or the distribution's packages.
    :param python: the Python that is to run the command.
    :param keep: how many versions stay.
    """

    state: str
    root: str
    command: str
    components: tuple[str, ...]
    drivers_from: str
    python: str
    bundle: str = ""
    index_url: str = ""
    keep: int = 3
    check: bool = False


@dataclass(frozen=True)
class InstallResult:
    """What is installed now, in check mode would be.

    :param id: of the version in use, empty for none.
    :param pending: whether the version had to be made, in check mode would have to be; a bundle is read only then.
    :param removed: the ids of versions that were removed.
    """

    changed: bool
    pending: bool
    id: str
    version: str
    folder: str
    command: str
    python: str
    previous: str
    drivers: tuple[str, ...]
    installed: tuple[str, ...]
    removed: tuple[str, ...]
    before: str
    after: str

    @property
    def diff(self) -> dict[str, str]:
        return {"before": self.before, "after": self.after}

    def to_dict(self) -> dict[str, t.Any]:
        data = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        for name in ("before", "after"):
            del data[name]
        return {name: list(value) if isinstance(value, tuple) else value for name, value in data.items()}


@dataclass(frozen=True)
class _Target:
    """The version that this collection brings."""

    record: Installed
    python: HostPython
    engine: t.Mapping[str, bytes]
    wheels: tuple[Wheel, ...]


def install(request: InstallRequest, run: Run, progress: Progress) -> InstallResult:
    """Bring a host's installation into the state that was asked for; done again it changes nothing.

    :param run: runs the programs of the host.
    :raises UsageError: an option is wrong, or the Python cannot run the command.
    :raises NotFoundError: the bundle, or a wheel in it, is missing.
    :raises CorruptArtifactError: a wheel is not the one that was chosen.
    :raises InstallationError: something else is in the way; what was installed before is still in use.
    """
    _check(request)
    versions = Versions(request.root, request.command)
    if request.state == ABSENT:
        return _remove(request, versions)
    target = _target(request, run)
    if request.state == ROLLED_BACK:
        return _roll_back(request, versions, target, progress)
    return _install(request, versions, target, run, progress)


def _check(request: InstallRequest) -> None:
    for name, path in (("root", request.root), ("command", request.command)):
        if path and (not os.path.isabs(path) or any(character in path for character in "\"'`$\\\n")):
            raise UsageError(f"{name} is {path!r}", hint="use an absolute path without quotes, dollars and backslashes")
    if request.root.rstrip("/") == "":
        raise UsageError("root is the root folder of the host", hint="use a folder for this alone")
    if request.keep < 1:
        raise UsageError(f"keep is {request.keep}", hint="at least the version in use stays")
    if request.state != ABSENT and (request.drivers_from == BUNDLE) != bool(request.bundle):
        raise UsageError(
            f"bundle is {'needed' if not request.bundle else 'given'} with drivers_from={request.drivers_from}",
            hint="give a bundle together with drivers_from=bundle",
        )
    check_components(request.components)


def _target(request: InstallRequest, run: Run) -> _Target:
    python = probe_python(request.python, run)
    components = tuple(sorted(set(request.components)))
    wheels: tuple[Wheel, ...] = ()
    if request.drivers_from != DISTRIBUTION:
        reason = python.without_wheels()
        if reason:
            raise UsageError(
                f"there are no wheels of the drivers for {python.executable}: {reason}",
                hint="take the drivers from the distribution's packages, or name another Python",
            )
        wheels = wheels_for(components, python.release, python.machine)
    engine = engine_files()
    settings = [f"python {python.executable} {python.release}", f"components {','.join(components)}"]
    settings += [f"final {request.root}", f"system packages {request.drivers_from == DISTRIBUTION}"]
    digest = digest_of(engine, *settings, *(f"{wheel.file} {wheel.sha256}" for wheel in wheels))
    record = Installed(
        id=f"{VERSION}-{digest[:_ID_DIGITS]}",
        version=VERSION,
        digest=digest,
        python=python.executable,
        components=components,
        drivers=tuple(f"{wheel.name} {wheel.version}" for wheel in wheels),
        files={},
    )
    return _Target(record, python, engine, wheels)


def _install(
    request: InstallRequest, versions: Versions, target: _Target, run: Run, progress: Progress
) -> InstallResult:
    wanted = target.record.id
    installed = versions.installed()
    current = versions.current()
    there = wanted in installed and is_whole(versions.folder(wanted), installed[wanted])
    links = versions.wrong_links()
    after = [name for name in installed if name != wanted] + [wanted]
    removed = [name for name in after[: -request.keep] if name != wanted]
    changed = not there or current != wanted or bool(links) or bool(removed)
    if changed and not request.check:
        with versions.locked():
            versions.sweep()
            if not there:
                progress.phase("installing")
                _make(request, versions, target, run)
            versions.use(wanted)
            for name in removed:
                remove_environment(versions.folder(name))
    kept = [name for name in after if name not in removed]
    return _result(request, versions, target.record, changed, installed, current, kept, removed, pending=not there)


def _make(request: InstallRequest, versions: Versions, target: _Target, run: Run) -> None:
    """Make the version beside the others; it gets its name when it is whole and has been tried."""
    partial = versions.partial(target.record.id)
    with tempfile.TemporaryDirectory(prefix="dbfleet-install-") as scratch:
        if request.drivers_from == BUNDLE:
            paths = wheels_out_of(request.bundle, target.wheels, scratch)
        elif request.drivers_from == INDEX and target.wheels:
            paths = fetch_wheels(
                target.wheels,
                python=target.python.full_version,
                machine=target.python.machine,
                folder=scratch,
                pip=find_pip(target.python, scratch, run),
                run=run,
                index_url=request.index_url,
            )
        else:
            paths = []
        try:
            make_environment(
                partial,
                target.record,
                final=versions.folder(target.record.id),
                python=target.python,
                run=run,
                engine=target.engine,
                wheels=list(zip(target.wheels, paths)),
                system_packages=request.drivers_from == DISTRIBUTION,
            )
            versions.put(target.record.id)
        finally:
            remove_environment(partial)


def _roll_back(request: InstallRequest, versions: Versions, target: _Target, progress: Progress) -> InstallResult:
    installed = versions.installed()
    current = versions.current()
    if current != target.record.id and current in installed:
        # It was gone back from already, or another version than this collection's is in use anyway.
        if installed[current].version == VERSION:
            progress.warn(
                f"nothing was rolled back: {current} is in use, which is of the same version of the collection and was "
                f"installed with other options than these ({target.record.id})"
            )
        return _result(request, versions, installed[current], False, installed, current, list(installed), [])
    others = [name for name in installed if name != target.record.id]
    if not others:
        raise InstallationError(
            f"there is no other version in {request.root} to go back to",
            hint="install the version that you want from its collection",
        )
    chosen = installed[others[-1]]
    if not is_whole(versions.folder(chosen.id), chosen):
        raise InstallationError(
            f"the version {chosen.id} in {request.root} is damaged", hint="install it from its collection"
        )
    if not request.check:
        with versions.locked():
            versions.use(chosen.id)
    return _result(request, versions, chosen, True, installed, current, list(installed), [])


def _remove(request: InstallRequest, versions: Versions) -> InstallResult:
    installed = versions.installed()
    current = versions.current()
    changed = bool(versions.traces())
    if changed and not request.check:
        with versions.locked():
            versions.sweep()
            versions.forget()
    nothing = Installed("", "", "", "", (), (), {})
    return _result(request, versions, nothing, changed, installed, current, [], list(installed))


def _result(
    request: InstallRequest,
    versions: Versions,
    record: Installed,
    changed: bool,
    installed: t.Iterable[str],
    current: str,
    after: t.Sequence[str],
    removed: t.Sequence[str],
    *,
    pending: bool = False,
) -> InstallResult:
    before = list(installed)
    mended = pending and record.id in before
    return InstallResult(
        changed=changed,
        pending=pending,
        id=record.id,
        version=record.version,
        folder=versions.folder(record.id) if record.id else "",
        command=request.command if record.id else "",
        python=record.python,
        previous=current if current != record.id else "",
        drivers=record.drivers,
        installed=tuple(after),
        removed=tuple(removed),
        before=_shown(versions, current, before, " (damaged)" if mended else ""),
        after=_shown(versions, record.id, after, ""),
    )


def _shown(versions: Versions, current: str, installed: t.Iterable[str], remark: str) -> str:
    lines = [f"{versions.folder(name)}{' in use' if name == current else ''}" for name in sorted(installed)]
    return "".join(f"{line}{remark if ' in use' in line else ''}\n" for line in lines)
