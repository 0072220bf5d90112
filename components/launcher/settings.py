"""What a training in several pods needs: read off the command line, checked before anything is created."""

import hashlib
import json
import re
from dataclasses import dataclass, fields
from typing import Any, Literal

from components.runtime.stage import check_positive
from components.train.__main__ import TrainOptions
from pifpaf_core.options import option, to_argv

_QUANTITY = re.compile(r'\d+(\.\d+)?(m|k|M|G|T|Ki|Mi|Gi|Ti)?')
_NAME_LENGTH = 40  # the operators append to it, and a label holds 63


@dataclass(frozen=True)
class LauncherOptions(TrainOptions):
    """Train in several pods, which Kubeflow's operator starts, and follow them to their end.

    Attributes:
        node_selector: JSON, {label: value}.
        tolerations: JSON, as in a pod specification.
    """

    nodes: int = option(2, 'pods that train together')
    image: str = option('', 'container image of the training pods')
    cpu: str = option('4', 'processors that a pod asks for', metavar='QUANTITY')
    memory: str = option('24Gi', 'memory of a pod; what its data workers share is part of it', metavar='QUANTITY')
    node_selector: str = option('', 'labels of the nodes to train on', metavar='JSON')
    tolerations: str = option('', 'taints, besides nvidia.com/gpu, of the nodes that pods may run on', metavar='JSON')
    operator: Literal['auto', 'trainjob', 'pytorchjob'] = option('auto', 'what starts the pods')
    queue: str = option('', "Kueue's local queue that admits the training")
    deadline: int = option(604800, 'seconds after which the operator ends the training')
    namespace: str = option('', "where to create the job (default: this pod's own, or that of the kubeconfig)")
    runtime: str = option('pifpaf-torch', 'TrainingRuntime, as k8s/ installs it')
    service_account: str = option('pifpaf-train', 'service account of the training pods')
    watch_interval: float = option(5.0, 'seconds between looks at the job')
    patience: float = option(900.0, 'seconds that the API server may be away, or an image may fail to come')

    def __post_init__(self) -> None:
        super().__post_init__()
        check_positive(self, 'nodes', 'deadline', 'watch_interval', 'patience')
        if not self.image:
            raise ValueError('the image of the training pods is not named. Add --image, e.g. registry/pifpaf-train:1.0')
        for name in ('cpu', 'memory'):
            if not _QUANTITY.fullmatch(getattr(self, name)):
                raise ValueError(f"--{name} '{getattr(self, name)}' is no quantity. Give one such as 4, 500m or 24Gi")
        self.labels_of_nodes()
        self.tolerated()

    @property
    def job_name(self) -> str:
        """The job's name: the same for every attempt of this run, and of no other run."""
        digest = hashlib.sha256(f'{self.run_root}/{self.run_name}'.encode()).hexdigest()[:8]
        slug = re.sub(r'[^a-z0-9]+', '-', self.run_name.lower()).strip('-')[: _NAME_LENGTH - 9].strip('-')
        return f'{slug}-{digest}' if slug[:1].isalpha() else f'p-{slug}'[: _NAME_LENGTH - 9].strip('-') + f'-{digest}'

    def labels_of_nodes(self) -> dict[str, str]:
        """``node_selector``, parsed.

        Raises:
            ValueError: it is no object of texts.
        """
        found = _parsed(self.node_selector, {})
        if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
            raise ValueError(
                f"--node-selector '{self.node_selector}' is no set of labels. "
                'Give a JSON object such as \'{"pool": "gpu"}\''
            )
        return found

    def tolerated(self) -> list[dict[str, Any]]:
        """``tolerations``, parsed; a single one may stand without brackets.

        Raises:
            ValueError: it is no list of objects.
        """
        found = _parsed(self.tolerations, [])
        found = [found] if isinstance(found, dict) else found
        if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
            raise ValueError(
                f"--tolerations '{self.tolerations}' are none. "
                'Give a JSON list such as \'[{"key": "spot", "operator": "Exists"}]\''
            )
        return found

    def training_command(self) -> list[str]:
        """What each pod runs: the train stage with the options that it shares with this one."""
        shared = {
            f.name: getattr(self, f.name) for f in fields(TrainOptions) if f.name not in ('executor_input', 'work_dir')
        }
        return ['python3', '-m', 'components.train', *to_argv(TrainOptions(**shared))]


def _parsed(text: str, default: Any) -> Any:
    if not text:
        return default
    try:
        return json.loads(text)
    except ValueError:
        return None
