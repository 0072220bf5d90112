"""Which code, data and pipeline run made this: what training writes into ``run.json`` and into MLflow's tags.

In an image there is no git, so the build puts the answers into the environment: ``PIFPAF_VERSION``, ``PIFPAF_COMMIT``,
``PIFPAF_BRANCH``, ``PIFPAF_REPOSITORY`` and, by the pod, ``PIFPAF_IMAGE``.
"""

import getpass
import os
from pathlib import Path

from pifpaf_core import version

_FOLDER = Path(__file__).parent


def code() -> dict[str, str]:
    """Version, commit, branch, repository and image; ``dirty`` is ``true`` or ``false``. Unknown ones are left out."""
    found = {
        'version': version.version(),
        'dirty': str(version.is_dirty()).lower(),
        'commit': _known('PIFPAF_COMMIT', 'rev-parse', 'HEAD'),
        'branch': _known('PIFPAF_BRANCH', 'rev-parse', '--abbrev-ref', 'HEAD'),
        'repository': _known('PIFPAF_REPOSITORY', 'config', '--get', 'remote.origin.url'),
        'image': os.environ.get('PIFPAF_IMAGE'),
    }
    return {name: value for name, value in found.items() if value}


def mlflow_tags(code: dict[str, str], **pipeline: str) -> dict[str, str]:
    """Tags of a training's run: MLflow's own names, which its UI shows, for what it knows, and plain ones.

    The address of KFP's run is among them where ``KF_PIPELINES_UI_ENDPOINT`` says where KFP's UI is.

    Args:
        code: from `code`.
        pipeline: further tags, with ``__`` for a dot; empty values are left out.
    """
    ui = os.environ.get('KF_PIPELINES_UI_ENDPOINT', '').rstrip('/')
    if ui and pipeline.get('kfp__run_id'):
        pipeline['kfp__run_url'] = f'{ui}/#/runs/details/{pipeline["kfp__run_id"]}'
    names = {
        'commit': 'mlflow.source.git.commit',
        'branch': 'mlflow.source.git.branch',
        'repository': 'mlflow.source.git.repoURL',
        'image': 'mlflow.docker.image.uri',
        'dirty': 'git.dirty',
        'version': 'pifpaf.version',
    }
    tags = {names[name]: value for name, value in code.items()}
    tags |= {name.replace('__', '.'): value for name, value in pipeline.items() if value}
    return tags | {'mlflow.source.name': 'pifpaf_core.train', 'mlflow.source.type': 'PROJECT', 'mlflow.user': _user()}


def _known(variable: str, *git: str) -> str | None:
    return os.environ.get(variable) or version.git(*git, folder=_FOLDER)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # an arbitrary uid without an entry
        return str(os.getuid())
