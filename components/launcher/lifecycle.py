"""One job for each run: created once, adopted by a retry, begun again after a failure, never left behind."""

import contextlib
import logging
import os
import signal
import time
from collections.abc import Iterator

from .cluster import Cluster, Refused, Unavailable, insist
from .jobs import RUN, JobKind, Object
from .settings import LauncherOptions

LOG = logging.getLogger(__name__)

_LAST_MOMENT = 0.9  # seconds: KFP leaves a terminated step less than one
_HURRY = (0.3, 0.4)  # seconds to connect and to answer


def owner() -> Object | None:
    """A reference to this pod, which the pipeline tells by the downward API; None outside of a pod."""
    name, uid = os.environ.get('POD_NAME'), os.environ.get('POD_UID')
    return {'apiVersion': 'v1', 'kind': 'Pod', 'name': name, 'uid': uid} if name and uid else None


@contextlib.contextmanager
def deleted_on_interrupt(cluster: Cluster, kind: JobKind, name: str) -> Iterator[None]:
    """Delete the job when SIGTERM or Ctrl-C ends this context, before anything else happens.

    Enter it before the job is created: whatever is interrupted then, no job stays behind.
    """
    try:
        yield
    except KeyboardInterrupt:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)  # a second one must not interrupt this
        _delete_now(cluster, kind, name)
        raise


def _delete_now(cluster: Cluster, kind: JobKind, name: str) -> None:
    """Delete within a second. A job that is not there yet may be on its way, so that one look is not enough."""
    end = time.monotonic() + _LAST_MOMENT
    while time.monotonic() < end:
        try:
            if cluster.delete_job(kind, name, timeout=_HURRY):
                LOG.warning('terminated: %s %s is deleted. Its pods save their state and leave', kind.kind, name)
                return
        except (Unavailable, Refused) as error:
            LOG.error('%s %s is not deleted: %s', kind.kind, name, error)
        time.sleep(0.1)


def begin(cluster: Cluster, kind: JobKind, options: LauncherOptions) -> Object:
    """Create the run's job, or go on with the one that an earlier attempt created; returns the job.

    A job that failed is deleted and created again: training goes on from the last committed state.

    Raises:
        ValueError: a job of this name belongs to another run, or the API server does not want ours.
        Unavailable: the API server was away for too long.
    """
    name, us = options.job_name, owner()
    body = kind.build(options, owner=us)

    def attempt() -> Object | None:
        if cluster.create_job(kind, body):
            LOG.info('created %s %s in %s', kind.kind, name, cluster.namespace)
        found = cluster.job(kind, name)
        if found is None:
            return None
        _check_ours(found, kind, options)
        if found['metadata'].get('deletionTimestamp'):
            LOG.info('waiting until the former %s %s is gone', kind.kind, name)
            return None
        _check_whole(cluster, found, body, kind)
        ending = kind.ending(found)
        if ending and not ending.succeeded:
            LOG.info('%s %s of an earlier attempt failed (%s); beginning again', kind.kind, name, ending.reason)
            cluster.delete_job(kind, name)
            return None
        if us and us['uid'] not in [reference['uid'] for reference in found['metadata'].get('ownerReferences') or []]:
            LOG.info('adopting %s %s of an earlier attempt', kind.kind, name)
            cluster.own_job(kind, name, us)
        return found

    what = f'{kind.kind} {name} cannot be created'
    return insist(attempt, patience=options.patience, pause=options.watch_interval, what=what)


def _check_ours(job: Object, kind: JobKind, options: LauncherOptions) -> None:
    run = job['metadata'].get('annotations', {}).get(RUN)
    if run != options.run.uri:
        raise ValueError(
            f'{kind.kind} {options.job_name} is there already and belongs to {run or "somebody else"}. '
            'Delete it, or choose another --run-id'
        )


def _check_whole(cluster: Cluster, job: Object, body: Object, kind: JobKind) -> None:
    """An operator that is too old drops what it does not know, without a word; the pods would be others then."""
    lost = [key for key in body['spec'] if key not in job.get('spec', {})]
    if lost:
        cluster.delete_job(kind, job['metadata']['name'])
        raise ValueError(
            f"the cluster's {kind.kind} does not know {', '.join(lost)}. Install {kind.operator} {kind.since} or newer"
        )
