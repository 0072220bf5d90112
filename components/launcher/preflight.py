"""What has to be there before anything is created, each with one line that says what to do."""

import logging

from .cluster import Cluster, insist
from .jobs import KINDS, PYTORCHJOB, TRAINJOB, JobKind
from .settings import LauncherOptions

LOG = logging.getLogger(__name__)

_PODS = (('list', '', 'pods'), ('get', '', 'pods/log'))
_JOB_VERBS = ('create', 'get', 'patch', 'delete')


def rights(kind: JobKind) -> list[tuple[str, str, str]]:
    """(verb, API group, resource) of everything that the launcher does."""
    found = [(verb, kind.group, kind.plural) for verb in _JOB_VERBS] + list(_PODS)
    return [*found, ('get', kind.group, 'trainingruntimes')] if kind is TRAINJOB else found


def choose(cluster: Cluster, operator: str) -> JobKind:
    """The kind of job to create.

    Raises:
        ValueError: the cluster does not know it.
    """
    wanted = [TRAINJOB, PYTORCHJOB] if operator == 'auto' else [KINDS[operator]]
    for kind in wanted:
        if cluster.has(kind):
            return kind
    raise ValueError(
        f'the cluster has no {" and no ".join(kind.kind for kind in wanted)}. '
        f'Install {wanted[0].operator}, or train in one pod with pose_training.yaml'
    )


def kind_for(cluster: Cluster, options: LauncherOptions) -> JobKind:
    """The kind of job to create, with all that it needs in place.

    Raises:
        ValueError: something is missing.
        Unavailable: the API server was away for too long.
    """

    def attempt() -> JobKind:
        kind = choose(cluster, options.operator)
        check(cluster, kind, options)
        return kind

    return insist(
        attempt, patience=options.patience, pause=options.watch_interval, what='the cluster cannot be checked'
    )


def check(cluster: Cluster, kind: JobKind, options: LauncherOptions) -> None:
    """Look for what is missing.

    Raises:
        ValueError: a right or the TrainingRuntime.
    """
    missing = [right for right in rights(kind) if not cluster.may(*right)]
    if missing:
        listed = ', '.join(f'{verb} {resource}' for verb, _, resource in missing)
        raise ValueError(
            f"the service account may not {listed} in '{cluster.namespace}'. "
            'Apply k8s/base/rights.yaml, or give them to the account that the pipeline runs as'
        )
    if kind is TRAINJOB and cluster.runtime(options.runtime) is None:
        raise ValueError(
            f"there is no TrainingRuntime '{options.runtime}' in '{cluster.namespace}'. "
            'Apply an overlay of k8s/ there, or name another one by --runtime'
        )
    _look_for_gpus(cluster, options)


def _look_for_gpus(cluster: Cluster, options: LauncherOptions) -> None:
    """Say it when no node has enough GPUs now. An autoscaler may add some, so that it is no error."""
    counts = cluster.gpus_of_nodes() if options.gpus else None
    if counts is None:
        return
    enough = [count for count in counts if count >= options.gpus]
    if sum(count // options.gpus for count in enough) < options.nodes:
        LOG.warning(
            '%d pods with %d GPUs each are wanted, and the nodes of the cluster have %s. '
            'Wait for an autoscaler, install the device plugin, or lower nodes or gpus',
            options.nodes, options.gpus, f'GPUs: {sorted(counts, reverse=True)}' if counts else 'none',
        )  # fmt: skip
