"""KFP's API server: submitting a run and waiting for its end, through a server that comes and goes.

kfp's own waiting takes a failed run for success and waits for ever for a canceled one; here every end has its state.
"""

import contextlib
import io
import logging
import os
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

LOG = logging.getLogger(__name__)

ENDS = ('SUCCEEDED', 'SKIPPED', 'FAILED', 'CANCELED')
_TOKEN_FILE = Path('/var/run/secrets/kubeflow/pipelines/token')
_PATIENCE = 600.0


class Refused(OSError):  # noqa: N818
    """The API server does not want this, or was away for too long."""


@dataclass(frozen=True)
class Server:
    """How to reach the API server.

    Attributes:
        endpoint: its address; empty inside of the cluster.
        namespace: of the runs, on a Kubeflow with profiles.
        token_file: holds the bearer token; read again for each request, because tokens are renewed.
        ca_file: certificates to trust.
        service_account: that the pods of a run use; empty takes the namespace's own.
    """

    endpoint: str = ''
    namespace: str = ''
    token_file: str = ''
    ca_file: str = ''
    service_account: str = ''

    def connect(self) -> Any:
        """A client of KFP's.

        Raises:
            Refused: the server does not answer.
        """
        from kfp.client.set_volume_credentials import ServiceAccountTokenVolumeCredentials

        path = self.token_file or (str(_TOKEN_FILE) if _TOKEN_FILE.exists() else '')
        with translated(f'connecting to {self.endpoint or "the KFP of this cluster"}'), warnings.catch_warnings():
            warnings.simplefilter('ignore')
            client = _client_class()(
                host=self.endpoint or None,
                namespace='kubeflow',
                existing_token=os.environ.get('KF_PIPELINES_TOKEN'),
                credentials=ServiceAccountTokenVolumeCredentials(path) if path else None,
                ssl_ca_cert=self.ca_file or None,
            )
        logging.getLogger('urllib3').setLevel(logging.ERROR)  # KFP's client lets it tell of each repetition
        return client

    def url(self, run_id: str) -> str:
        """Where people see a run: below ``KF_PIPELINES_UI_ENDPOINT``, or the API's address, which often is the UI's."""
        ui = os.environ.get('KF_PIPELINES_UI_ENDPOINT') or self.endpoint
        return f'{ui.rstrip("/")}/#/runs/details/{run_id}'


def _client_class() -> Any:
    """KFP's client without its question at the start, which takes half a minute where the server is away.

    It asks whether there are profiles, to find out a namespace; here it is given.
    """
    import kfp

    class Client(kfp.Client):  # type: ignore[misc]
        def get_kfp_healthz(self, sleep_duration: int = 5) -> SimpleNamespace:
            return SimpleNamespace(multi_user=False)

    return Client


def upload(client: Any, path: Path, *, name: str, version: str) -> tuple[str, str]:
    """Upload a version of a pipeline, unless it is there; returns the ids of the pipeline and of the version."""
    with translated(f'uploading {name}'):
        pipeline_id = client.get_pipeline_id(name)
        if pipeline_id is None:
            pipeline_id = client.upload_pipeline(str(path), pipeline_name=name).pipeline_id
        known = client.list_pipeline_versions(pipeline_id, page_size=100).pipeline_versions or []
        for found in known:
            if found.display_name == version:
                return pipeline_id, found.pipeline_version_id
        made = client.upload_pipeline_version(str(path), version, pipeline_id=pipeline_id)
        return pipeline_id, made.pipeline_version_id


def submit(
    client: Any,
    server: Server,
    *,
    what: Path | tuple[str, str],
    name: str,
    experiment: str,
    arguments: Mapping[str, Any],
) -> str:
    """Create a run; returns its id.

    Args:
        client: from `Server.connect`.
        server: the same.
        what: a compiled pipeline, or ids from `upload`.
        name: of the run.
        experiment: KFP's; made where there is none.
        arguments: values of their types, by name. They travel as JSON and are not parsed again.
    """
    source = {'pipeline_package_path': str(what)} if isinstance(what, Path) else dict(
        zip(('pipeline_id', 'version_id'), what, strict=True)
    )  # fmt: skip
    with translated(f'submitting {name}'):
        found = client.create_experiment(name=experiment, namespace=server.namespace or None)
        run = client.run_pipeline(
            experiment_id=found.experiment_id, job_name=name, params=dict(arguments),
            service_account=server.service_account or None, **source,
        )  # fmt: skip
    return str(run.run_id)


def wait(client: Any, run_id: str, *, timeout: float, poll: float, tell: Callable[[str], None]) -> Any:
    """Wait for the end of a run; returns the run as KFP describes it, or None when the time is over.

    Args:
        client: from `Server.connect`.
        run_id: its id.
        timeout: seconds at most; 0 waits without limit.
        poll: seconds between looks.
        tell: takes each new state.

    Raises:
        Refused: the server was away for too long, or does not know the run (any more).
    """
    start = heard = time.monotonic()
    told = ''
    while True:
        try:
            with translated(f'asking for run {run_id}'):
                run = client.get_run(run_id)
            heard = time.monotonic()
            state = run.state or 'PENDING'
            if state != told:
                told = state
                tell(state)
            if state in ENDS:
                return run
        except Away as away:
            if time.monotonic() - heard > _PATIENCE:
                raise
            LOG.warning('%s. The run goes on; asking again', away)
        if timeout and time.monotonic() - start > timeout:
            return None
        time.sleep(poll)


class Away(Refused):
    """The API server could not answer now."""


def failures(run: Any) -> list[str]:
    """What KFP says of the tasks that failed, one line each."""
    tasks = (run.run_details.task_details if run.run_details else None) or []
    lines = [
        f'{task.display_name}: {_text(task.error) or task.state}'
        for task in tasks
        if task.state == 'FAILED' and not task.child_tasks
    ]
    return lines or [line for line in [_text(run.error)] if line]


def _text(error: Any) -> str:
    message = getattr(error, 'message', None) or (error.get('message') if isinstance(error, dict) else None)
    return ' '.join(str(message or '').split())[:300]


@contextlib.contextmanager
def translated(what: str) -> Iterator[None]:
    """KFP's client raises errors of three libraries, and prints where it should not: to us they are two, and silent."""
    from kfp_server_api import ApiException
    from urllib3.exceptions import HTTPError

    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    except ApiException as error:
        status = int(error.status or 0)
        text = f'{what}: the KFP server answers {status}: {_body(error)}'
        if status in (408, 429) or status >= 500:
            raise Away(f'{text}. Try again later') from error
        raise Refused(f'{text}. {_REMEDIES.get(status, "Check the address and the parameters")}') from error
    except (HTTPError, OSError) as error:
        reason = ' '.join(str(error).split())[:200]
        raise Away(f'{what}: no answer: {reason}. Check the address in --endpoint and the network') from error


_REMEDIES = {
    401: 'Give a token that is valid: --token-file, or KF_PIPELINES_TOKEN',
    403: 'Ask for the right to run pipelines in this namespace, or name another by --namespace',
    404: 'Check the address in --endpoint; a run that was there has been deleted',
}


def _body(error: Any) -> str:
    return ' '.join(str(error.body or error.reason or 'no reason given').split())[:300].rstrip('.')
