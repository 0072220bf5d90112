"""torchrun under a supervisor, with a worker that imports nothing."""

import os
import subprocess
import sys

from workers import WORKER, wait_for


def test_a_training_ends_when_its_supervisor_is_killed(tmp_path):
    arguments = ['-m', 'components.train.torchrun', '--standalone', '--nproc-per-node=1']
    parent = 'import subprocess, sys; subprocess.run([sys.executable, *sys.argv[1:]])'
    (tmp_path / 'worker.py').write_text(WORKER)
    process = subprocess.Popen(
        [sys.executable, '-c', parent, *arguments, str(tmp_path / 'worker.py'), str(tmp_path)],
        env={**os.environ, 'OMP_NUM_THREADS': '1'},
    )
    wait_for(tmp_path / '0', 'ready')
    process.kill()
    process.wait()
    wait_for(tmp_path / '0', 'saved')
