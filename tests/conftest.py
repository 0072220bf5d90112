"""What all tests share: one thread a process, nothing written outside the clone, the shared data if present."""

import logging
import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
CACHE = REPOSITORY / '.cache'

for variable, folder in (
    ('MPLCONFIGDIR', 'matplotlib'),
    ('XDG_CACHE_HOME', 'xdg'),
    ('XDG_CONFIG_HOME', 'xdg'),
    ('NUMBA_CACHE_DIR', 'numba'),
):
    os.environ.setdefault(variable, str(CACHE / folder))
os.environ.setdefault('MPLBACKEND', 'Agg')
os.environ.setdefault('OMP_NUM_THREADS', '1')


@pytest.fixture(scope='session')
def repository() -> Path:
    """The root of the clone."""
    return REPOSITORY


@pytest.fixture(scope='session')
def shared() -> Path:
    """The shared reference data beside the clone; tests that need it are skipped without it."""
    folder = REPOSITORY.parent / 'shared'
    if not folder.is_dir():
        pytest.skip('shared data absent')
    return folder


@pytest.fixture(autouse=True)
def _logging_as_it_was():
    """Commands that a test runs in this process set up logging; the next test finds it as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level
