"""Following a job to its end: its state, its pods, the log of node 0; through an API server that comes and goes."""

import logging
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

from components.runtime.run_folder import SUCCEEDED
from pifpaf_core.command import DONE, FAILED

from .cluster import Cluster, Unavailable
from .jobs import JobKind, Object
from .node_log import NodeLog
from .settings import LauncherOptions
from .states import PodStates

LOG = logging.getLogger(__name__)

TIMED_OUT = 124


@dataclass(frozen=True)
class End:
    """How it came out.

    Attributes:
        code: our exit code.
        problem: what was wrong and what to do, in one line; empty with code 0.
    """

    code: int
    problem: str = ''


def follow(cluster: Cluster, kind: JobKind, job: Object, options: LauncherOptions) -> End:
    """Tell what happens until the job has ended.

    Raises:
        Unavailable: the API server was away for too long. The job goes on; another attempt adopts it.
    """
    name, uid = job['metadata']['name'], job['metadata'].get('uid')
    selector = f'{kind.pods_label}={name}'
    LOG.info('below is the log of node 0; all: kubectl -n %s logs -f --prefix -l %s', cluster.namespace, selector)
    states = PodStates(cluster, selector, name)
    look = _Look(cluster, kind, name, options.patience)
    with NodeLog(cluster, show=_show, pause=options.watch_interval) as log:
        while True:
            found = look.once(states, log)
            if found is not None:
                if not found or found['metadata'].get('uid') != uid or found['metadata'].get('deletionTimestamp'):
                    return _deleted(kind, name, options)
                ending = kind.ending(found)
                if ending and ending.succeeded:
                    return End(DONE)
                if ending:
                    code = TIMED_OUT if ending.reason == 'DeadlineExceeded' else FAILED
                    said = ': '.join(filter(None, (ending.reason, ending.message.rstrip('.'))))
                    return End(
                        code, f'{kind.kind} {name} failed: {said}. What was committed is kept in {options.run.uri}'
                    )
                if stuck := states.stuck(options.patience):
                    cluster.delete_job(kind, name)
                    return End(FAILED, f'pods cannot start: {stuck}. Check --image, secrets and config of the pods')
            time.sleep(options.watch_interval)


class _Look:
    """Looks at the job and its pods again and again."""

    def __init__(self, cluster: Cluster, kind: JobKind, name: str, patience: float) -> None:
        self._cluster, self._kind, self._name, self._patience = cluster, kind, name, patience
        self._heard = time.monotonic()
        self._is_away = False
        self._told = ''

    def once(self, states: PodStates, log: NodeLog) -> Object | None:
        """The job, ``{}`` when it is gone, None when the API server does not say."""
        try:
            job = self._cluster.job(self._kind, self._name)
            pods = states.look() if job else []
        except Unavailable as unavailable:
            if time.monotonic() - self._heard > self._patience:
                raise
            if not self._is_away:
                LOG.warning('%s. The training goes on; trying again', unavailable)
            self._is_away = True
            return None
        self._heard, self._is_away = time.monotonic(), False
        self._tell(job or {})
        if newest := self._newest_of_node_0(pods):
            log.follow(newest)
        return job or {}

    def _newest_of_node_0(self, pods: Sequence[Object]) -> str:
        """Name of the pod whose log is to be shown: of several, which restarts leave, the last; empty without one."""
        started = [
            (pod['metadata'].get('creationTimestamp', ''), pod['metadata']['name'])
            for pod in pods
            if self._kind.is_first(pod['metadata'].get('labels') or {})
            and pod.get('status', {}).get('phase') in ('Running', 'Succeeded', 'Failed')
        ]
        return max(started, default=('', ''))[1]

    def _tell(self, job: Object) -> None:
        state = 'waits for its queue' if self._kind.is_suspended(job) else 'is started'
        if job and state != self._told:
            LOG.info('%s %s %s', self._kind.kind, self._name, state)
            self._told = state


def _deleted(kind: JobKind, name: str, options: LauncherOptions) -> End:
    """Somebody deleted the job. That it was done before is no failure."""
    if (options.run.outcome() or {}).get('outcome') == SUCCEEDED:
        return End(DONE)
    return End(
        FAILED, f'{kind.kind} {name} was deleted by somebody else. Run the step again: it continues {options.run.uri}'
    )


def _show(line: str) -> None:
    sys.stdout.write(f'{line}\n')
    sys.stdout.flush()
