"""``python -m benchmarks.tracking``: what MLflow costs a training's steps: a server, a server that was killed, none.

Three trainings run under their supervisors: without MLflow, with an MLflow server, and with one that was killed as the
training had begun. They take turns of some seconds, two of them stopped while the third one runs: what else the
machine does meets all three alike. Compared is the median time of a step in each turn with that of the turn without
MLflow in the same round.
"""

import argparse
import contextlib
import json
import os
import platform
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from components.runtime.run_folder import RunFolder
from pifpaf_core.files import write_atomically

NONE, UP, KILLED = 'no mlflow', 'mlflow server', 'server killed'

TRAINER = """
import json, os, sys, time
import numpy as np
log = sys.argv[1]
matrix = np.random.default_rng(0).normal(size=(400, 400))
with open(log + '.pid', 'w') as file:
    file.write(str(os.getpid()))
with open(log, 'a', buffering=1) as file:
    step = 0
    while True:
        began = time.perf_counter()
        for _ in range(3):
            matrix @ matrix
        seconds = time.perf_counter() - began
        stamp = time.strftime('%Y-%m-%d %H:%M:%S') + ',000'
        fields = {'type': 'train', 'epoch': 0, 'batch': step, 'n_batches': 10**9, 'loss': 1.0, 'time': seconds}
        file.write(json.dumps({'asctime': stamp, **fields}) + '\\n')
        step += 1
"""

SUPERVISOR = """
import sys
from pathlib import Path
from components.runtime.run_folder import RunFolder
from components.train.supervisor import Training, supervise
folder = Path(sys.argv[1])
run = RunFolder(str(folder / 'runs'), 'r1')
argv = [sys.executable, '-c', sys.argv[2], str(folder / 'net.log')]
supervise(Training(run, run.begin_attempt(), argv, folder / 'net', drain=0.0))
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print and, if asked for, write the result."""
    parser = argparse.ArgumentParser(prog='python -m benchmarks.tracking', description=__doc__)
    parser.add_argument('--smoke', action='store_true', help='two short turns each, to see that everything runs')
    parser.add_argument('--output', type=Path, metavar='FILE', help='also write the JSON there')
    args = parser.parse_args(argv)
    os.environ.setdefault('OMP_NUM_THREADS', '1')
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that no stopped training is left behind
    with tempfile.TemporaryDirectory() as scratch:
        result = measure(Path(scratch), rounds=2 if args.smoke else 40, seconds=0.5 if args.smoke else 5.0)
    text = json.dumps(result, indent=2)
    print(text)
    if args.output:
        write_atomically(args.output, text + '\n')
    return 0


def measure(scratch: Path, *, rounds: int, seconds: float) -> dict[str, Any]:
    """Milliseconds of a step in each case, and their ratios to those without MLflow: median and quartiles."""
    times: dict[str, list[float]] = {NONE: [], UP: [], KILLED: []}
    with contextlib.ExitStack() as stack:
        address, process = stack.enter_context(server(scratch / 'killed'))
        trainings = {KILLED: stack.enter_context(training(scratch / KILLED, address))}
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        trainings[UP] = stack.enter_context(training(scratch / UP, stack.enter_context(server(scratch / 'up'))[0]))
        trainings[NONE] = stack.enter_context(training(scratch / NONE, None))
        for number in range(rounds):
            order = list(times)[number % 3 :] + list(times)[: number % 3]
            for name in order:
                times[name].append(statistics.median(trainings[name].turn(seconds)))
    return {
        'machine': f'{platform.system()} {platform.machine()}',
        'rounds': rounds,
        'seconds_a_turn': seconds,
        **{name: _compared(values, times[NONE]) for name, values in times.items()},
    }


def _compared(values: Sequence[float], without: Sequence[float]) -> dict[str, Any]:
    ratios = [value / other for value, other in zip(values, without, strict=True)]
    return {
        'ms_a_step': round(1e3 * statistics.median(values), 3),
        'times_without': round(statistics.median(ratios), 3),
        'quartiles': [round(value, 3) for value in statistics.quantiles(ratios)[::2]],
    }


class Supervised:
    """A training under its supervisor that runs only in its turns.

    Args:
        log: of the trainer, which writes its process beside it.
        supervisor: its process.
    """

    def __init__(self, log: Path, supervisor: 'subprocess.Popen[bytes]') -> None:
        self._log, self._supervisor = log, supervisor
        self._read, self._seconds = 0, list[float]()

    def turn(self, seconds: float) -> list[float]:
        """Let it run for some time, three steps at least; seconds of each step but the first, which was stopped."""
        before, end = self._n_steps(), time.monotonic() + seconds
        self.signal(signal.SIGCONT)
        wait_for(lambda: self._n_steps() > before + 3 and time.monotonic() > end, 'a step')
        self.signal(signal.SIGSTOP)
        return self._seconds[before + 1 :]

    def signal(self, number: signal.Signals) -> None:
        """To both processes, the trainer first."""
        trainer = Path(f'{self._log}.pid')
        for pid in ([int(trainer.read_text())] if trainer.exists() else []) + [self._supervisor.pid]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def _n_steps(self) -> int:
        """How many steps there were; what is new in the log is read."""
        with self._log.open('rb') as file:
            file.seek(self._read)
            whole, end, _ = file.read().rpartition(b'\n')
        self._read += len(whole + end)
        self._seconds += [json.loads(line)['time'] for line in whole.splitlines()]
        return len(self._seconds)


@contextlib.contextmanager
def training(folder: Path, mlflow: str | None) -> Iterator[Supervised]:
    """A supervised training that has begun, with its run in MLflow if there is one, and is stopped."""
    folder.mkdir()
    run = RunFolder(str(folder / 'runs'), 'r1')
    dataset = {'name': 'none', 'digest': '0' * 64, 'uri': 'nowhere'}
    run.update_record(experiment='benchmark', tags={'benchmark': 'tracking'}, dataset=dataset)
    environment: Mapping[str, str] = {
        **{name: value for name, value in os.environ.items() if not name.startswith('MLFLOW_')},
        **({'MLFLOW_TRACKING_URI': mlflow} if mlflow else {}),
    }
    argv = [sys.executable, '-c', SUPERVISOR, str(folder), TRAINER]
    process = subprocess.Popen(argv, env=environment, stderr=subprocess.DEVNULL)
    found = Supervised(folder / 'net.log', process)
    try:
        wait_for(lambda: (folder / 'net.log').exists() and (not mlflow or 'mlflow' in run.record()), 'the training')
        found.turn(0.0)
        yield found
    finally:
        found.signal(signal.SIGKILL)
        process.wait()


def wait_for(condition: Callable[[], bool], what: str) -> None:
    """Wait for ten minutes at most.

    Raises:
        TimeoutError: it did not come.
    """
    end = time.monotonic() + 600
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f'{what} does not come')
        time.sleep(0.01)


@contextlib.contextmanager
def server(folder: Path) -> Iterator[tuple[str, 'subprocess.Popen[bytes]']]:
    """An MLflow server on sqlite: its address and its process, which leads a session."""
    folder.mkdir()
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        port = probe.getsockname()[1]
    address = f'http://127.0.0.1:{port}'
    places = ['--backend-store-uri', f'sqlite:///{folder}/mlflow.db', '--artifacts-destination', f'{folder}/artifacts']
    argv = [sys.executable, '-m', 'mlflow', 'server', *places, '--port', str(port), '--workers', '1']
    process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        wait_for(lambda: _answers(address), 'the MLflow server')
        yield address, process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _answers(address: str) -> bool:
    try:
        urllib.request.urlopen(f'{address}/health', timeout=5).close()
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False
    return True


if __name__ == '__main__':
    sys.exit(main())
