"""Container components as processes of this machine: a command ``python3 -m ...`` needs nothing but an interpreter."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .local_tasks import Tasks


@dataclass
class Processes(Tasks):
    """Tasks as processes of this interpreter's environment; their image is left out of account."""

    def execute(self, command: Sequence[str], *, image: str, environment: Mapping[str, str]) -> int:
        """Run a command line. It gets a session of its own, so that Ctrl-C on a terminal reaches it once, by us."""
        argv = [sys.executable, *command[1:]] if command[0] in ('python', 'python3') else command
        with subprocess.Popen(argv, env={**os.environ, **environment}, start_new_session=True) as process:
            try:
                return process.wait()
            except KeyboardInterrupt:
                process.send_signal(signal.SIGINT)
                process.wait()
                raise
