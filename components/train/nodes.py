"""Which of a training's machines this is, as Kubeflow's operators tell a pod by torchrun's ``PET_`` variables."""

from collections.abc import Mapping
from dataclasses import dataclass

_PORT = 29500


@dataclass(frozen=True)
class Node:
    """One machine of a training.

    Attributes:
        rank: its number; 0 is the one that uploads, beats the heart and tracks.
        count: machines that train together.
        address: where the first one is reached by the others; empty for a training on one machine.
        port: of the first one.
    """

    rank: int = 0
    count: int = 1
    address: str = ''
    port: int = _PORT

    @property
    def is_first(self) -> bool:
        """Whether this machine speaks for the training."""
        return self.rank == 0

    def torchrun_arguments(self) -> list[str]:
        """How torchrun finds the other machines."""
        if self.count == 1:
            return ['--standalone']
        place = [f'--master-addr={self.address}', f'--master-port={self.port}']
        return [f'--nnodes={self.count}', f'--node-rank={self.rank}', *place]


def this_node(environment: Mapping[str, str]) -> Node:
    """The node that a pod's environment describes; a machine on its own without a description.

    Raises:
        ValueError: the description is incomplete.
    """
    try:
        count = int(environment.get('PET_NNODES') or 1)
        if count <= 1:
            return Node()
        rank = int(environment.get('PET_NODE_RANK') or environment['RANK'])
        address = environment.get('PET_MASTER_ADDR') or environment['MASTER_ADDR']
        port = int(environment.get('PET_MASTER_PORT') or environment.get('MASTER_PORT') or _PORT)
    except (KeyError, ValueError) as error:
        raise ValueError(
            f'the environment does not say which node of the training this is: {error}. '
            'Start several nodes by a TrainJob or PyTorchJob, or unset PET_NNODES'
        ) from None
    return Node(rank, count, address, port)
