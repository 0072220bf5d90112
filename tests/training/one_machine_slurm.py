"""Slurm on this machine only, of Debian's packages slurm-wlm and munge, for as long as a block lasts. Needs root."""

import contextlib
import os
import secrets
import shutil
import socket
import subprocess
import time
from pathlib import Path

PROGRAMS = ('munged', 'slurmctld', 'slurmd', 'sbatch', 'srun', 'scontrol', 'scancel', 'squeue')

CONFIG = """
ClusterName=test
SlurmctldHost={host}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=5
CryptoType=crypto/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
ProctrackType=proctrack/pgid
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
MpiDefault=none
ReturnToService=2
SchedulerParameters=sched_interval=2
NodeName={host} CPUs={cpus} State=UNKNOWN
PartitionName=all Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


def missing() -> str:
    """What keeps Slurm from running here; empty if nothing does."""
    absent = [program for program in PROGRAMS if not shutil.which(program, path=search_path())]
    if absent:
        return f'no {absent[0]}: apt-get install slurm-wlm munge'
    return '' if os.geteuid() == 0 else 'Slurm has to be started by root'


def search_path() -> str:
    return os.environ['PATH'] + ':/usr/sbin:/sbin'


@contextlib.contextmanager
def running(folder: Path):
    """Start Slurm with all its files in ``folder``; yields the environment in which its commands work."""
    host = socket.gethostname().partition('.')[0]
    cpus = len(os.sched_getaffinity(0))
    for name in ('state', 'spool', 'munge'):
        (folder / name).mkdir(mode=0o755, parents=True)
    key = folder / 'munge' / 'key'
    key.write_bytes(secrets.token_bytes(1024))
    key.chmod(0o400)
    config = folder / 'slurm.conf'
    config.write_text(CONFIG.format(host=host, folder=folder, ports=_free_ports(2), cpus=cpus))
    environment = {**os.environ, 'PATH': search_path(), 'SLURM_CONF': str(config)}
    munge = folder / 'munge'
    daemons = [
        [
            'munged', '--foreground', '--force', f'--key-file={key}', f'--socket={folder}/munge.socket',
            f'--pid-file={munge}/pid', f'--log-file={munge}/log', f'--seed-file={munge}/seed',
        ],
        ['slurmctld', '-D', '-c', '-f', str(config)],
        ['slurmd', '-D', '-c', '-f', str(config), '-N', host],
    ]  # fmt: skip
    with contextlib.ExitStack() as stack:
        for argv in daemons:
            log = stack.enter_context((folder / f'{argv[0]}.out').open('w'))
            process = subprocess.Popen(argv, env=environment, stdout=log, stderr=subprocess.STDOUT)
            stack.callback(_end, process)
            time.sleep(0.5)
        _wait_until_idle(environment, folder)
        yield environment


def _end(process: 'subprocess.Popen[bytes]') -> None:
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()


def _wait_until_idle(environment: dict[str, str], folder: Path) -> None:
    for _ in range(120):
        done = subprocess.run(['sinfo', '-h', '-o', '%T'], env=environment, capture_output=True, text=True)
        if done.stdout.strip() == 'idle':
            return
        time.sleep(0.5)
    logs = '\n'.join(path.read_text() for path in sorted(folder.glob('*.log')))
    raise RuntimeError(f'Slurm did not start: {done.stdout}{done.stderr}\n{logs[-3000:]}')


def _free_ports(n: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(n)]
        for each in sockets:
            each.bind(('', 0))
        return [each.getsockname()[1] for each in sockets]
