"""Scenes as fixtures."""

import pytest
from scenes import Scene, chain_scene


@pytest.fixture
def scene():
    """Fields without anything."""
    return Scene()


@pytest.fixture
def chain():
    """Fields of one chain."""
    return chain_scene()
