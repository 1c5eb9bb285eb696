"""Plugins that are installed as packages: the entry points of the group ``stepwell.plugins``."""

from __future__ import annotations

from functools import cache
from importlib.metadata import entry_points

from stepwell.support.errors import Error, UsageError

GROUP = "stepwell.plugins"


@cache
def load_installed() -> None:
    """Import every installed plugin, once; an entry point that names a function is called without arguments.

    The registries call this when they are asked for a name they don't have, so nothing is imported before.

    Raises:
        UsageError: a plugin fails; the message names it.
    """
    for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name):
        try:
            plugin = entry.load()
            if callable(plugin):
                plugin()
        except Error:
            raise
        except Exception as failure:
            package = f" of the package '{entry.dist.name}'" if entry.dist is not None else ""
            raise UsageError(
                f"the plugin '{entry.name}'{package} can't be loaded: {type(failure).__name__}: {failure}",
                where=entry.value,
                hint="repair or uninstall the package that brings it",
            ) from failure
