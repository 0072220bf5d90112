"""``python -m components.doctor``: is everything there that a run needs, seen from here?

From a laptop it looks as the person who submits; in a pod as the stages do. ``python -m pipelines.doctor`` is the same.
"""

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from components.runtime.store import check_uri
from pifpaf_core import command
from pifpaf_core.options import add_options, from_args, option

from . import cluster, machine, servers, storage
from .finding import Finding, table


@dataclass(frozen=True)
class DoctorOptions:
    """Look at store, MLflow, KFP, cluster and machine, and say what to mend.

    Attributes:
        run_root: URI.
    """

    run_root: str = option('', 'where runs live: s3://bucket/key or a folder')
    endpoint: str = option(os.environ.get('KF_PIPELINES_ENDPOINT', ''), 'address of KFP', metavar='URL')
    namespace: str = option('', "of the cluster (default: this pod's own, or that of the kubeconfig)")
    gpus: int = option(0, 'GPUs that this machine must have')
    json: bool = option(False, 'print a JSON list in place of the table')

    def __post_init__(self) -> None:
        if self.run_root:
            check_uri(self.run_root)
        if self.gpus < 0:
            raise ValueError(f'--gpus {self.gpus} is too little. Give 0 or more')


def findings(options: DoctorOptions) -> list[Finding]:
    """Everything that was found."""
    return [
        machine.versions(),
        *storage.check(options.run_root),
        *servers.mlflow(),
        servers.kfp(options.endpoint),
        *cluster.check(options.namespace),
        machine.shared_memory(),
        machine.gpus(options.gpus),
    ]


def run(options: DoctorOptions) -> int:
    """Print what was found; 1 if a run would fail."""
    found = findings(options)
    print(json.dumps([finding.as_dict() for finding in found], indent=2) if options.json else table(found))
    return command.FAILED if any(finding.state == 'failed' for finding in found) else command.DONE


COMMAND = command.Command(
    name='components.doctor',
    description=(DoctorOptions.__doc__ or '').splitlines()[0],
    add_arguments=lambda parser: add_options(parser, DoctorOptions),
    configure=lambda args: from_args(DoctorOptions, args),
    run=run,
)


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point."""
    return command.main(COMMAND, argv)


if __name__ == '__main__':
    sys.exit(main())
