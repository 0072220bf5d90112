"""Weights by URI: what evaluation and prediction stages are handed, as a file."""

from pathlib import Path

from .commits import fetch, manifest
from .store import open_store


def bring(uri: str, scratch: Path) -> Path:
    """The file behind ``uri``, brought below ``scratch`` and, where it was committed with a manifest, checked.

    Raises:
        FileNotFoundError: there is none.
        OSError: what arrived is not what was committed.
    """
    top, _, name = uri.rstrip('/').rpartition('/')
    store = open_store(top or '.')
    if manifest(store, '') is None:
        target = scratch / name
        store.get(name, target)
        return target
    return fetch(store, '', scratch)[name]
