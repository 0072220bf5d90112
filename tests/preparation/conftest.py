"""Sources to prepare and a web server to fetch them from."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent))

import web_server
from coco_folder import Folder


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """Nothing yet: call ``add``."""
    return Folder(tmp_path / 'source')


@pytest.fixture
def web() -> Iterator[web_server.Site]:
    """An empty site on a web server of this machine."""
    with web_server.serving() as site:
        yield site
