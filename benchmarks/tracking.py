"""``python -m benchmarks.tracking``: what MLflow costs a training's steps: a server, a server that is killed, none.

Three trainings of the same steps run in turns under the supervisor: without MLflow, with an MLflow server, and with
one that is killed as the training begins. What is compared is the median time of a step as the trainer's log has it.
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
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from components.runtime.run_folder import RunFolder
from components.train.supervisor import Training, supervise
from pifpaf_core.files import write_atomically

TRAINER = """
import json, sys, time
import numpy as np
log, steps = sys.argv[1], int(sys.argv[2])
matrix = np.random.default_rng(0).normal(size=(400, 400))
with open(log, 'a', buffering=1) as file:
    for step in range(steps):
        began = time.perf_counter()
        for _ in range(10):
            matrix @ matrix
        seconds = time.perf_counter() - began
        stamp = time.strftime('%Y-%m-%d %H:%M:%S') + ',000'
        fields = {'type': 'train', 'epoch': 0, 'batch': step, 'n_batches': steps, 'loss': 1.0, 'time': seconds}
        file.write(json.dumps({'asctime': stamp, **fields}) + '\\n')
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print and, if asked for, write the result."""
    parser = argparse.ArgumentParser(prog='python -m benchmarks.tracking', description=__doc__)
    parser.add_argument('--smoke', action='store_true', help='few steps once, to see that everything runs')
    parser.add_argument('--output', type=Path, metavar='FILE', help='also write the JSON there')
    args = parser.parse_args(argv)
    os.environ.setdefault('OMP_NUM_THREADS', '1')
    with tempfile.TemporaryDirectory() as scratch:
        result = measure(Path(scratch), steps=50 if args.smoke else 2000, repetitions=1 if args.smoke else 3)
    text = json.dumps(result, indent=2)
    print(text)
    if args.output:
        write_atomically(args.output, text + '\n')
    return 0


def measure(scratch: Path, *, steps: int, repetitions: int) -> dict[str, Any]:
    """Median milliseconds of a step in each case, as ratios to those without MLflow."""
    times: dict[str, list[float]] = {'no mlflow': [], 'mlflow server': [], 'server killed': []}
    with server(scratch) as (address, process):
        for repetition in range(repetitions):
            times['no mlflow'] += training(scratch / f'none{repetition}', steps, None)
            times['mlflow server'] += training(scratch / f'up{repetition}', steps, address)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for repetition in range(repetitions):
            times['no mlflow'] += training(scratch / f'again{repetition}', steps, None)
            times['server killed'] += training(scratch / f'down{repetition}', steps, address)
    medians = {name: statistics.median(values) for name, values in times.items()}
    return {
        'machine': platform.platform(),
        'steps': steps,
        **{
            name: {'ms_a_step': round(1e3 * value, 3), 'times_without': round(value / medians['no mlflow'], 3)}
            for name, value in medians.items()
        },
    }


def training(folder: Path, steps: int, mlflow: str | None) -> list[float]:
    """Seconds of each step of one supervised training."""
    os.environ.pop('MLFLOW_TRACKING_URI', None)
    if mlflow:
        os.environ['MLFLOW_TRACKING_URI'] = mlflow
    folder.mkdir()
    run = RunFolder(str(folder / 'runs'), 'r1')
    dataset = {'name': 'none', 'digest': '0' * 64, 'uri': 'nowhere'}
    run.update_record(experiment='benchmark', tags={'benchmark': 'tracking'}, dataset=dataset)
    log = folder / 'net.log'
    argv = [sys.executable, '-c', TRAINER, str(log), str(steps)]
    supervise(Training(run, run.begin_attempt(), argv, folder / 'net', drain=0.0))
    return [json.loads(line)['time'] for line in log.read_text().splitlines()]


@contextlib.contextmanager
def server(folder: Path) -> Iterator[tuple[str, 'subprocess.Popen[bytes]']]:
    """An MLflow server on sqlite: its address and its process, which leads a session."""
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        port = probe.getsockname()[1]
    address = f'http://127.0.0.1:{port}'
    places = ['--backend-store-uri', f'sqlite:///{folder}/mlflow.db', '--artifacts-destination', f'{folder}/artifacts']
    argv = [sys.executable, '-m', 'mlflow', 'server', *places, '--port', str(port), '--workers', '1']
    process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        _wait(address)
        yield address, process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _wait(address: str) -> None:
    for _ in range(6000):
        try:
            urllib.request.urlopen(f'{address}/health', timeout=5).close()
            return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.1)
    raise TimeoutError('the MLflow server does not answer')


if __name__ == '__main__':
    sys.exit(main())
