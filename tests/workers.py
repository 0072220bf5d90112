"""A worker for torchrun that imports nothing: it says that it is ready, and at SIGTERM that it has saved."""

import time

WORKER = """
import os, signal, sys, time
from pathlib import Path
assert os.environ['PIFPAF_LAUNCHER'] == str(os.getppid())
terminated = []
signal.signal(signal.SIGTERM, lambda *_: terminated.append(1))
Path(sys.argv[1], os.environ['RANK']).write_text('ready')
if len(sys.argv) > 2:
    sys.exit(int(sys.argv[2]))
while not terminated:
    time.sleep(0.02)
time.sleep(0.2)
Path(sys.argv[1], os.environ['RANK']).write_text('saved')
sys.exit(75)
"""


def wait_for(path, text):
    """Until the file holds this text."""
    end = time.monotonic() + 100
    while not (path.exists() and path.read_text() == text):
        assert time.monotonic() < end, f'{path} does not say {text}'
        time.sleep(0.05)
