# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""A module that is executed when something of it is used, and a package whose modules are imported without it.

A driver's package imports all of itself: adapters, cursors, asyncio, what only one way of logging in needs. A job that
needs a part of it would wait for the rest longer than for its own start.
"""

from __future__ import annotations

import sys
import threading
import types
import typing as t

# One for all: modules that are executed import each other.
_LOCK = threading.RLock()
_GIVEN_BY_PACKAGES = ("__all__", "__version__")


class LazyPackage(types.ModuleType):
    """Stands in ``sys.modules`` for a package or a module that was not imported yet.

    A package's modules can be imported as usual. Whoever asks it for a name that it does not have gets the package
    itself: it is then executed in this very module, as an ``import`` would have done.

    :param spec: how the import system finds it.
    """

    def __init__(self, spec: t.Any) -> None:
        super().__init__(spec.name)
        self.__spec__ = spec
        self.__loader__ = spec.loader
        self.__package__ = spec.parent
        self.__file__ = spec.origin
        if spec.submodule_search_locations is not None:
            self.__path__ = spec.submodule_search_locations
        #: While the modules that are wanted import each other, what is not there has to be imported by its name.
        self._opened = False
        self._executing = False

    def open(self) -> None:
        """All modules that are wanted are there."""
        self._opened = True

    def __getattr__(self, name: str) -> t.Any:
        # Python and its tools ask for names of its own that a module need not have.
        special = name.startswith("__") and name.endswith("__") and name not in _GIVEN_BY_PACKAGES
        if self._opened and not special and self._execute():
            return getattr(self, name)
        raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")

    def _execute(self) -> bool:
        """Execute the module.

        :returns: false where that is going on, and what is wanted has not been reached.
        """
        with _LOCK:
            if isinstance(self, LazyPackage):
                if self._executing:
                    return False
                self._executing = True
                try:
                    self.__loader__.exec_module(self)  # type: ignore[union-attr]
                finally:
                    self._executing = False
                # Only now, or another thread would take what is half there for the whole.
                self.__class__ = types.ModuleType  # type: ignore[assignment]
        return True


def prepare(name: str) -> LazyPackage | None:
    """Put a package or a module into ``sys.modules`` without executing it.

    :param name: where it is a package's module, the package has been imported.
    :returns: ``None`` where somebody has imported it before, or where it is not to be found: import it as usual then.
    """
    if name in sys.modules:
        return None
    parent, _dot, own_name = name.rpartition(".")
    package = sys.modules[parent] if parent else None
    for finder in sys.meta_path:
        spec = finder.find_spec(name, None if package is None else package.__path__)
        if spec is None:
            continue
        if spec.loader is None:
            return None
        module = LazyPackage(spec)
        sys.modules[name] = module
        if package is not None:
            setattr(package, own_name, module)
        return module
    return None
