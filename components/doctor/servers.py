"""MLflow's server and KFP's: whether they answer, and whether they would take what we send."""

import base64
import json
import os
import time
import urllib.error
import urllib.parse
import urllib.request

from .finding import Finding, failed, ok, skipped
from .storage import skew

_TIMEOUT = 10.0


def mlflow() -> list[Finding]:
    """The tracking server of ``MLFLOW_TRACKING_URI``."""
    uri = os.environ.get('MLFLOW_TRACKING_URI', '')
    if not uri:
        return [skipped('MLflow', 'MLFLOW_TRACKING_URI is not set: nothing is tracked')]
    place, login = _parted(uri)
    if not uri.startswith(('http://', 'https://')):
        return [ok('MLflow', f'{place}: a database of this machine, no server')]
    began = time.time()
    status, text, headers = _get(f'{place.rstrip("/")}/api/2.0/mlflow/experiments/search?max_results=1', login)
    clock = [skew('clock against MLflow', headers, began)] if headers else []
    return [_mlflow(place, status, text), *clock]


def _mlflow(uri: str, status: int, text: str) -> Finding:
    if status == 200:
        return ok('MLflow', f'{uri} takes our requests')
    if status == 403 and 'host' in text.lower():
        remedy = (
            f'Add its name to MLFLOW_SERVER_ALLOWED_HOSTS of the server: {uri.partition("://")[2].partition("/")[0]}'
        )
        return failed('MLflow', f'{uri} does not take its own name: {text}', remedy)
    if status in (401, 403):
        remedy = 'Set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or the secret pifpaf-mlflow'
        return failed('MLflow', f'{uri} answers {status}: {text}', remedy)
    if status:
        return failed('MLflow', f'{uri} answers {status}: {text}', 'Check that MLFLOW_TRACKING_URI leads to MLflow')
    return failed(
        'MLflow', f'{uri} does not answer: {text}', 'Check MLFLOW_TRACKING_URI, the service and network policies'
    )


def kfp(endpoint: str) -> Finding:
    """KFP's API server, from where one submits."""
    if not endpoint:
        return skipped('KFP', 'no --endpoint is given')
    token = os.environ.get('KF_PIPELINES_TOKEN')
    status, text, _ = _get(
        f'{endpoint.rstrip("/")}/apis/v2beta1/healthz', {'Authorization': f'Bearer {token}'} if token else {}
    )
    if status == 200 and text.startswith('{'):
        tag = json.loads(text).get('tag_name', 'version unknown')
        return ok('KFP', f'{endpoint}: {tag}')
    if status in (401, 403) or (status == 200 and '<html' in text.lower()):
        return failed('KFP', f'{endpoint} wants a login', 'Put a token into KF_PIPELINES_TOKEN, or use a port-forward')
    return failed('KFP', f'{endpoint}: {status or "no answer"}: {text}', 'Check the address; it is that of the UI')


def _parted(uri: str) -> tuple[str, dict[str, str]]:
    """(address without a login, headers of the login): what is printed holds no password."""
    parts = urllib.parse.urlsplit(uri)
    _, at, host = parts.netloc.rpartition('@')
    names = (urllib.parse.unquote(text or '') for text in (parts.username, parts.password))
    return urllib.parse.urlunsplit(parts._replace(netloc=host)), _basic(*names) if at else _login()


def _login() -> dict[str, str]:
    if token := os.environ.get('MLFLOW_TRACKING_TOKEN'):
        return {'Authorization': f'Bearer {token}'}
    user, password = (os.environ.get(f'MLFLOW_TRACKING_{name}') for name in ('USERNAME', 'PASSWORD'))
    return _basic(user, password) if user and password else {}


def _basic(user: str, password: str) -> dict[str, str]:
    return {'Authorization': f'Basic {base64.b64encode(f"{user}:{password}".encode()).decode()}'}


def _get(url: str, headers: dict[str, str]) -> tuple[int, str, dict[str, str]]:
    """(status, start of the body, headers); status 0 and the reason without an answer."""
    try:
        request = urllib.request.Request(url, headers=headers)
        with urllib.request.urlopen(request, timeout=_TIMEOUT) as answer:
            return int(answer.status), _text(answer.read(4000)), _lower(answer.headers.items())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, _text(error.read(4000)), _lower(error.headers.items())
    except (OSError, ValueError) as error:
        return 0, _text(str(error).encode()), {}


def _lower(headers: object) -> dict[str, str]:
    return {name.lower(): value for name, value in headers}  # type: ignore[attr-defined]


def _text(body: bytes) -> str:
    return ' '.join(body.decode(errors='replace').split())[:200].rstrip('.')
