"""Plugins: the entry points of one group, as a mapping from name to object."""

from importlib.metadata import entry_points
from typing import Any


def names(group: str) -> list[str]:
    """Sorted names of the entry points of ``group``, without importing any."""
    return sorted({point.name for point in entry_points(group=group)})


def load(group: str, name: str) -> Any:
    """Import and return the entry point ``name`` of ``group``.

    Raises:
        ValueError: no such name; the message lists those there are.
    """
    for point in entry_points(group=group):
        if point.name == name:
            return point.load()
    kind = group.rpartition('.')[2].rstrip('s')
    raise ValueError(
        f"there is no {kind} '{name}'. Known: {', '.join(names(group)) or 'none; is pifpaf-core installed?'}"
    )


def load_all(group: str) -> dict[str, Any]:
    """Import all entry points of ``group``: {name: object}, sorted by name."""
    points = {point.name: point for point in entry_points(group=group)}
    return {name: points[name].load() for name in sorted(points)}
