"""The cluster: which operators it has, and what the launcher may do there."""

import importlib.util

from components.launcher.cluster import Cluster, Refused, Unavailable
from components.launcher.jobs import PYTORCHJOB, TRAINJOB, JobKind
from components.launcher.preflight import rights

from .finding import Finding, failed, ok, skipped, warning

_RUNTIME = 'pifpaf-torch'


def check(namespace: str) -> list[Finding]:
    """All checks of the cluster; one that says why where there is none."""
    if importlib.util.find_spec('kubernetes') is None:
        return [skipped('cluster', 'the package kubernetes is not installed')]
    try:
        cluster = Cluster(namespace)
    except ValueError as error:
        return [skipped('cluster', str(error))]
    try:
        return _checked(cluster)
    except Unavailable as error:
        return [failed('cluster', str(error), 'Check the kubeconfig and the network')]
    except Refused as error:
        problem, _, remedy = str(error).rpartition('. ')
        return [failed('cluster', problem, remedy)]


def _checked(cluster: Cluster) -> list[Finding]:
    kinds = [kind for kind in (TRAINJOB, PYTORCHJOB) if cluster.has(kind)]
    if not kinds:
        detail = 'neither Kubeflow Trainer nor the training operator is there'
        remedy = 'Train in one pod (pose_training.yaml), or install Kubeflow Trainer'
        return [warning('operators', detail, remedy), _gpus(cluster)]
    found = [ok('operators', ', '.join(f'{kind.kind} {kind.group}/{kind.version}' for kind in kinds))]
    found.append(_rights(cluster, kinds[0]))
    if TRAINJOB in kinds:
        found.append(_runtime(cluster))
    return [*found, _gpus(cluster)]


def _rights(cluster: Cluster, kind: JobKind) -> Finding:
    missing = [f'{verb} {resource}' for verb, group, resource in rights(kind) if not cluster.may(verb, group, resource)]
    if missing:
        remedy = 'Apply k8s/base/rights.yaml to the account that pipelines run as'
        return failed('rights', f"'{cluster.namespace}': may not {', '.join(missing)}", remedy)
    return ok('rights', f"'{cluster.namespace}': all that the launcher does")


def _runtime(cluster: Cluster) -> Finding:
    try:
        runtime = cluster.runtime(_RUNTIME)
    except Refused as error:
        return failed('TrainingRuntime', str(error).rpartition('. ')[0], 'Apply k8s/base/rights.yaml')
    if runtime is None:
        return failed('TrainingRuntime', f"no {_RUNTIME} in '{cluster.namespace}'", 'Apply an overlay of k8s/ there')
    return ok('TrainingRuntime', _RUNTIME)


def _gpus(cluster: Cluster) -> Finding:
    counts = cluster.gpus_of_nodes()
    if counts is None:
        return skipped('GPUs of nodes', 'this account may not look at nodes')
    if not counts:
        return warning(
            'GPUs of nodes', 'none now', 'Install the device plugin; with an autoscaler this is as it should be'
        )
    return ok('GPUs of nodes', ' + '.join(map(str, sorted(counts, reverse=True))))
