"""torchrun under a supervisor, with a worker that imports nothing."""

import os
import subprocess
import sys
import time

WORKER = """
import os, signal, sys, time
from pathlib import Path
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


def _wait_for(path, text):
    end = time.monotonic() + 100
    while not (path.exists() and path.read_text() == text):
        assert time.monotonic() < end, f'{path} does not say {text}'
        time.sleep(0.05)


def test_a_training_ends_when_its_supervisor_is_killed(tmp_path):
    arguments = ['-m', 'components.train.torchrun', '--standalone', '--nproc-per-node=1']
    parent = 'import subprocess, sys; subprocess.run([sys.executable, *sys.argv[1:]])'
    (tmp_path / 'worker.py').write_text(WORKER)
    process = subprocess.Popen(
        [sys.executable, '-c', parent, *arguments, str(tmp_path / 'worker.py'), str(tmp_path)],
        env={**os.environ, 'OMP_NUM_THREADS': '1'},
    )
    _wait_for(tmp_path / '0', 'ready')
    process.kill()
    process.wait()
    _wait_for(tmp_path / '0', 'saved')
