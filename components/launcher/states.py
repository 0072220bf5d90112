"""What the pods of a job are doing, told once for each change: why they wait, why they failed, their last words."""

import logging
import time
from collections.abc import Callable, Iterable
from typing import Any

from .cluster import Cluster
from .jobs import Object

LOG = logging.getLogger(__name__)

_LAST_LINES = 30
_STUCK = frozenset((
    'ErrImagePull', 'ImagePullBackOff', 'InvalidImageName', 'ErrImageNeverPull', 'CreateContainerConfigError',
    'CreateContainerError', 'RunContainerError',
))  # fmt: skip


class PodStates:
    """Follows the pods of one job.

    Args:
        cluster: where they are.
        selector: their labels.
        name: of the job; events about objects whose name starts with it are told too.
        say: takes the lines.
    """

    def __init__(self, cluster: Cluster, selector: str, name: str, *, say: Callable[[str], None] = LOG.warning) -> None:
        self._cluster, self._selector, self._name, self._say = cluster, selector, name, say
        self._told: dict[str, str] = {}
        self._stuck: dict[str, tuple[float, str]] = {}
        self._events: set[str] = set()

    def look(self) -> list[Object]:
        """Tell what has changed; returns the pods.

        Raises:
            Unavailable: the API server could not say. Nothing is lost.
        """
        pods = self._cluster.pods(self._selector)
        for pod in pods:
            name, state = pod['metadata']['name'], describe(pod)
            key = pod['metadata'].get('uid', name)
            if state != self._told.get(key):
                self._told[key] = state
                self._say(f'{name}: {state}')
                if pod.get('status', {}).get('phase') == 'Failed':
                    self._tell_last_lines(name)
        self._note_stuck(pods)
        self._tell_events()
        return pods

    def stuck(self, patience: float) -> str:
        """A pod that could not start for so many seconds, and why; empty when there is none."""
        now = time.monotonic()
        waiting = [f'{pod}: {reason}' for pod, (since, reason) in self._stuck.items() if now - since > patience]
        return '; '.join(waiting)

    def _note_stuck(self, pods: Iterable[Object]) -> None:
        now = time.monotonic()
        reasons = {pod['metadata']['name']: [r for r, _ in _waiting(pod) if r in _STUCK] for pod in pods}
        self._stuck = {
            pod: (self._stuck.get(pod, (now, ''))[0], found[0]) for pod, found in reasons.items() if found
        }  # fmt: skip

    def _tell_last_lines(self, pod: str) -> None:
        lines = self._cluster.last_lines(pod, lines=_LAST_LINES)
        if lines:
            self._say('\n'.join([f'---- the last lines of {pod}', *lines, '----']))

    def _tell_events(self) -> None:
        """Warnings such as a quota that forbids pods, which no pod can tell."""
        for event in self._cluster.warnings(self._name):
            about, reason = event['involvedObject'], event.get('reason', '')
            text = f'{about.get("kind", "")} {about["name"]}: {reason}: {" ".join(event.get("message", "").split())}'
            if reason in ('FailedCreate', 'Evicted', 'FailedMount') and text not in self._events:
                self._events.add(text)
                self._say(text[:500])


def describe(pod: Object) -> str:
    """A pod's state in one line."""
    status = pod.get('status', {})
    phase = status.get('phase', 'Unknown')
    if phase == 'Pending' and (waiting := _waiting(pod)):
        return f'waiting: {_joined(waiting)}'
    if phase == 'Failed':
        reasons = [(status.get('reason', ''), status.get('message', ''))] if status.get('reason') else []
        return f'failed: {_joined([*_disruptions(pod), *reasons, *_ends(pod, "state")]) or "no reason given"}'
    restarts = sum(container.get('restartCount', 0) for container in status.get('containerStatuses') or [])
    if restarts:
        return f'{phase.lower()}, restarted {restarts} times: {_joined(_ends(pod, "lastState"))}'
    return f'{phase.lower()} on {pod.get("spec", {}).get("nodeName", "no node yet")}'


def _waiting(pod: Object) -> list[tuple[str, str]]:
    """(reason, message) of what keeps the pod from starting."""
    status = pod.get('status', {})
    found = [
        (condition.get('reason', ''), condition.get('message', ''))
        for condition in status.get('conditions') or []
        if condition.get('type') == 'PodScheduled' and condition.get('status') == 'False'
    ]
    for container in [*(status.get('initContainerStatuses') or []), *(status.get('containerStatuses') or [])]:
        waiting: dict[str, Any] = container.get('state', {}).get('waiting') or {}
        if waiting.get('reason') not in (None, 'ContainerCreating', 'PodInitializing'):
            found.append((waiting['reason'], waiting.get('message', '')))
    return found


def _disruptions(pod: Object) -> list[tuple[str, str]]:
    return [
        (condition.get('reason', ''), condition.get('message', ''))
        for condition in pod.get('status', {}).get('conditions') or []
        if condition.get('type') == 'DisruptionTarget' and condition.get('status') == 'True'
    ]


def _ends(pod: Object, which: str) -> list[tuple[str, str]]:
    """(reason, message) of containers that have ended; 75 is ours for "state saved"."""
    found = []
    for container in pod.get('status', {}).get('containerStatuses') or []:
        ended = container.get(which, {}).get('terminated')
        if ended:
            code = ended.get('exitCode')
            meaning = 'exit code 75 (preempted, state saved)' if code == 75 else f'exit code {code}'
            found.append((ended.get('reason', ''), f'{meaning} {ended.get("message", "")}'.strip()))
    return found


def _joined(reasons: Iterable[tuple[str, str]]) -> str:
    return '; '.join(': '.join(filter(None, (reason, ' '.join(message.split())[:300]))) for reason, message in reasons)
