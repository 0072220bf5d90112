"""``python -m pipelines.compile``: the pipelines as the YAML files that the KFP UI takes; ``--check`` compares instead.

The files are committed, so that a change of the graph is seen in review. KFP's own version is not compared.
"""

import argparse
import difflib
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from kfp import compiler

from pifpaf_core.files import write_atomically
from pipelines.pose_training.pipeline import build

FOLDER = Path(__file__).parent / 'pose_training'
NAMES = ('pose_training.yaml',)


def compiled(name: str) -> str:
    """A pipeline's YAML."""
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch, name)
        compiler.Compiler().compile(build(), str(path))
        return path.read_text()


def comparable(yaml: str) -> list[str]:
    """Lines without the version of the SDK that wrote them."""
    return [line for line in yaml.splitlines() if not line.lstrip().startswith('sdkVersion:')]


def main(argv: Sequence[str] | None = None) -> int:
    """Write the files, or with ``--check`` tell whether they are what would be written."""
    parser = argparse.ArgumentParser(prog='python -m pipelines.compile', description=__doc__)
    parser.add_argument('--output', type=Path, default=FOLDER, help='folder to write to')
    parser.add_argument('--check', action='store_true', help='compare with the committed files and write nothing')
    args = parser.parse_args(argv)
    return max(_check(name, args.output) if args.check else _write(name, args.output) for name in NAMES)


def _write(name: str, folder: Path) -> int:
    write_atomically(folder / name, compiled(name))
    print(f'written: {folder / name}')
    return 0


def _check(name: str, folder: Path) -> int:
    path = folder / name
    old = comparable(path.read_text()) if path.exists() else []
    difference = list(difflib.unified_diff(old, comparable(compiled(name)), 'committed', 'compiled', lineterm='', n=1))
    if difference:
        print('\n'.join(difference[:40]))
        print(
            f'pifpaf pipelines: {path} is not what the code compiles to. Run make pipelines and commit it',
            file=sys.stderr,
        )
    return 1 if difference else 0


if __name__ == '__main__':
    sys.exit(main())
