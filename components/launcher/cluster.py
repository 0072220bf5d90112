"""The API server, as far as the launcher needs it: short calls with a time limit, and two kinds of failure.

`Unavailable` means "ask again": the server is away, overloaded or slow. `Refused` will be refused again.
"""

import json
import logging
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from .jobs import JobKind, Object

LOG = logging.getLogger(__name__)
T = TypeVar('T')

_NAMESPACE = Path('/var/run/secrets/kubernetes.io/serviceaccount/namespace')
_TIMEOUT = (5.0, 30.0)
_TRANSIENT = (408, 409, 429, 500, 502, 503, 504)


class Unavailable(OSError):  # noqa: N818
    """The API server could not answer now. Asking again may help."""


class Refused(ValueError):  # noqa: N818
    """The API server does not want this.

    Attributes:
        status: HTTP status.
        message: of the server.
    """

    def __init__(self, what: str, status: int, message: str) -> None:
        super().__init__(f'{what}: the API server answers {status}: {message}. {_REMEDIES.get(status, _CHECK)}')
        self.status = status
        self.message = message


_CHECK = 'Check the options, and what k8s/ has installed'
_REMEDIES = {
    401: 'Check the token of the service account',
    403: 'Give the rights of k8s/base/rights.yaml to the service account, or ask for more quota',
    422: 'Check the options against the version of the operator',
}


class Cluster:
    """One namespace of a cluster.

    Args:
        namespace: empty takes that of this pod, else that of the kubeconfig.
    """

    def __init__(self, namespace: str = '') -> None:
        from kubernetes import client

        configuration, own = _configuration()
        configuration.retries = False  # the caller decides what to ask again, and when
        api = client.ApiClient(configuration)
        self.namespace = namespace or own
        self._custom, self._core = client.CustomObjectsApi(api), client.CoreV1Api(api)
        self._api = api

    def has(self, kind: JobKind) -> bool:
        """Whether the cluster knows this kind of job."""
        try:
            found = self._call('asking for APIs', self._get, f'/apis/{kind.group}/{kind.version}')
        except Refused as refused:
            if refused.status == 404:
                return False
            raise
        return any(resource.get('name') == kind.plural for resource in found.get('resources') or [])

    def may(self, verb: str, group: str, resource: str) -> bool:
        """Whether we may do this in the namespace."""
        plural, _, part = resource.partition('/')
        attributes = {
            'namespace': self.namespace,
            'verb': verb,
            'group': group,
            'resource': plural,
            'subresource': part,
        }
        body = {
            'apiVersion': 'authorization.k8s.io/v1',
            'kind': 'SelfSubjectAccessReview',
            'spec': {'resourceAttributes': attributes},
        }
        path = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews'
        return bool(self._call('asking for rights', self._post, path, body).get('status', {}).get('allowed'))

    def runtime(self, name: str) -> Object | None:
        """A TrainingRuntime of the namespace, or None."""
        where = ('trainer.kubeflow.org', 'v1alpha1', self.namespace, 'trainingruntimes', name)
        return self._or_none('reading the TrainingRuntime', self._custom.get_namespaced_custom_object, *where)

    def gpus_of_nodes(self) -> list[int] | None:
        """GPUs of each node that has some; None where we may not look at nodes."""
        try:
            nodes = self._call('looking at nodes', self._get, '/api/v1/nodes').get('items') or []
        except Refused:
            return None
        counts = (int(node.get('status', {}).get('allocatable', {}).get('nvidia.com/gpu', 0)) for node in nodes)
        return [count for count in counts if count]

    def job(self, kind: JobKind, name: str) -> Object | None:
        """A job, or None."""
        where = (kind.group, kind.version, self.namespace, kind.plural, name)
        return self._or_none(f'reading the {kind.kind}', self._custom.get_namespaced_custom_object, *where)

    def create_job(self, kind: JobKind, job: Object) -> bool:
        """Create a job; False when there is one of that name."""
        where = (kind.group, kind.version, self.namespace, kind.plural, job)
        try:
            self._call(f'creating the {kind.kind}', self._custom.create_namespaced_custom_object, *where)
        except Refused as refused:
            if refused.status == 409:
                return False
            raise
        return True

    def own_job(self, kind: JobKind, name: str, owner: Object) -> None:
        """Make this pod the one with which the job goes."""
        patch = {'metadata': {'ownerReferences': [owner]}}
        where = (kind.group, kind.version, self.namespace, kind.plural, name, patch)
        self._call(f'adopting the {kind.kind}', self._custom.patch_namespaced_custom_object, *where)

    def delete_job(self, kind: JobKind, name: str, *, timeout: tuple[float, float] = _TIMEOUT) -> bool:
        """Delete a job and its pods; whether there was one."""
        where = (kind.group, kind.version, self.namespace, kind.plural, name)
        delete = self._custom.delete_namespaced_custom_object
        more = {'propagation_policy': 'Foreground', '_request_timeout': timeout}
        return self._or_none(f'deleting the {kind.kind}', delete, *where, **more) is not None

    def pods(self, selector: str) -> list[Object]:
        """Pods with these labels, as plain data."""
        path = f'/api/v1/namespaces/{self.namespace}/pods'
        return list(self._call('listing pods', self._get, path, {'labelSelector': selector}).get('items') or [])

    def warnings(self, prefix: str) -> list[Object]:
        """Warning events about objects whose name starts with ``prefix``; none where we may not read them."""
        path = f'/api/v1/namespaces/{self.namespace}/events'
        try:
            events = self._call('listing events', self._get, path, {'fieldSelector': 'type=Warning'}).get('items') or []
        except Refused:
            return []
        return [event for event in events if event.get('involvedObject', {}).get('name', '').startswith(prefix)]

    def last_lines(self, pod: str, *, lines: int) -> list[str]:
        """The end of a pod's log; empty where it has none."""
        try:
            text = self._call(
                f'reading the log of {pod}', self._core.read_namespaced_pod_log, pod, self.namespace, tail_lines=lines
            )
        except (Refused, Unavailable):
            return []
        return str(text).splitlines()

    def follow_log(self, pod: str, *, since_seconds: int | None) -> Iterator[str]:
        """Lines of a pod's log as they come, each with its time in front, until the stream ends or breaks.

        Raises:
            Unavailable: the stream broke.
            Refused: there is no log (yet).
        """
        response = self._call(
            f'following the log of {pod}', self._core.read_namespaced_pod_log, pod, self.namespace,
            follow=True, timestamps=True, since_seconds=since_seconds, _preload_content=False,
            _request_timeout=(5.0, 120.0),
        )  # fmt: skip
        rest = b''
        try:
            while True:
                try:
                    chunk = response.read1(65536)
                except Exception as error:  # urllib3 and the http module have many
                    raise Unavailable(f'the log of {pod} broke off: {error}') from error
                if not chunk:
                    break
                *lines, rest = (rest + chunk).split(b'\n')
                yield from (line.decode(errors='replace') for line in lines)
        finally:
            response.close()
        if rest:
            yield rest.decode(errors='replace')

    def _get(self, path: str, query: dict[str, str] | None = None, **more: Any) -> Any:
        return self._raw(path, 'GET', query_params=list((query or {}).items()), **more)

    def _post(self, path: str, body: Object, **more: Any) -> Any:
        return self._raw(path, 'POST', body=body, **more)

    def _raw(self, path: str, method: str, **more: Any) -> Any:
        headers = {'Accept': 'application/json', 'Content-Type': 'application/json'}
        return self._api.call_api(
            path, method, header_params=headers, auth_settings=['BearerToken'], response_type='object',
            _return_http_data_only=True, **more,
        )  # fmt: skip

    def _or_none(self, what: str, function: Any, *arguments: Any, **more: Any) -> Object | None:
        try:
            found: Object = self._call(what, function, *arguments, **more)
            return found
        except Refused as refused:
            if refused.status == 404:
                return None
            raise

    def _call(self, what: str, function: Any, *arguments: Any, **more: Any) -> Any:
        from kubernetes.client.exceptions import ApiException
        from urllib3.exceptions import HTTPError

        try:
            return function(*arguments, **{'_request_timeout': _TIMEOUT, **more})
        except ApiException as error:
            status, message = int(error.status or 0), _message(error)
            if status in _TRANSIENT and not (status == 409 and 'AlreadyExists' in str(error.body)):
                raise Unavailable(f'{what}: the API server answers {status}: {message}') from error
            raise Refused(what, status, message) from error
        except (HTTPError, OSError) as error:
            raise Unavailable(f'{what}: the API server does not answer: {error}') from error


def insist(attempt: Callable[[], T | None], *, patience: float, pause: float, what: str) -> T:
    """Repeat ``attempt`` until it returns something, through an API server that comes and goes.

    Args:
        attempt: returns None to be asked again; may raise `Unavailable`.
        patience: seconds altogether.
        pause: seconds between attempts.
        what: cannot be done, for the error.

    Raises:
        Unavailable: patience is at its end.
    """
    end = time.monotonic() + patience
    while True:
        try:
            found, problem = attempt(), 'the former one does not go away'
        except Unavailable as unavailable:
            found, problem = None, str(unavailable)
            LOG.warning('%s. Trying again', problem)
        if found is not None:
            return found
        if time.monotonic() > end:
            raise Unavailable(f'{what}: {problem}. Look at it with kubectl, and run the step again')
        time.sleep(pause)


def _configuration() -> tuple[Any, str]:
    """How to reach the API server, and the namespace that goes with it.

    Raises:
        ValueError: nothing says how.
    """
    from kubernetes import client, config

    configuration = client.Configuration()
    try:
        config.load_incluster_config(client_configuration=configuration)
        return configuration, os.environ.get('POD_NAMESPACE') or _NAMESPACE.read_text().strip()
    except config.ConfigException:
        pass
    try:
        config.load_kube_config(client_configuration=configuration)
        _, context = config.list_kube_config_contexts()
    except (config.ConfigException, TypeError) as error:
        raise ValueError(
            'this is no pod, and there is no kubeconfig. Run it in the cluster, or set KUBECONFIG'
        ) from error
    return configuration, context.get('context', {}).get('namespace') or 'default'


def _message(error: Any) -> str:
    try:
        text = json.loads(error.body)['message']
    except (TypeError, ValueError, KeyError):
        text = str(error.body or error.reason or 'no reason given')
    return ' '.join(str(text).split())[:400].rstrip('.')
