"""``python -m pipelines.compile``: the pipelines as the YAML files that the KFP UI takes; ``--check`` compares instead.

The files are committed, so that a change of the graph is seen in review. KFP's own version is not compared.
"""

import argparse
import difflib
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from kfp import compiler

from pifpaf_core.files import write_atomically
from pipelines.pose_training.pipeline import build

FOLDER = Path(__file__).parent / 'pose_training'
NAMES = ('pose_training.yaml', 'pose_training_multinode.yaml')


def compiled(name: str, defaults: Mapping[str, str] | None = None) -> str:
    """A pipeline's YAML.

    Args:
        name: of the file.
        defaults: of parameters, by name, in place of the pipeline's own.
    """
    pipeline = build(multinode='multinode' in name)
    parameters = pipeline.pipeline_spec.root.input_definitions.parameters
    for parameter, value in (defaults or {}).items():
        parameters[parameter].default_value.string_value = value
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch, name)
        compiler.Compiler().compile(pipeline, str(path))
        return path.read_text()


def comparable(yaml: str) -> list[str]:
    """Lines without the version of the SDK that wrote them."""
    return [line for line in yaml.splitlines() if not line.lstrip().startswith('sdkVersion:')]


def main(argv: Sequence[str] | None = None) -> int:
    """Write the files, or with ``--check`` tell whether they are what would be written."""
    parser = argparse.ArgumentParser(prog='python -m pipelines.compile', description=__doc__)
    parser.add_argument('--output', type=Path, default=FOLDER, help='folder to write to')
    parser.add_argument('--check', action='store_true', help='compare with the committed files and write nothing')
    parser.add_argument('--image', help='container image with torch that the pipelines take unless told otherwise')
    parser.add_argument('--tools-image', help='container image without torch that they take')
    args = parser.parse_args(argv)
    images = {'image': args.image, 'tools_image': args.tools_image}
    files = {name: compiled(name, {key: image for key, image in images.items() if image}) for name in NAMES}
    return max(_check(args.output / name, yaml) if args.check else _write(args.output / name, yaml)
               for name, yaml in files.items())  # fmt: skip


def _write(path: Path, yaml: str) -> int:
    write_atomically(path, yaml)
    print(f'written: {path}')
    return 0


def _check(path: Path, yaml: str) -> int:
    old = comparable(path.read_text()) if path.exists() else []
    difference = list(difflib.unified_diff(old, comparable(yaml), 'committed', 'compiled', lineterm='', n=1))
    if difference:
        print('\n'.join(difference[:40]))
        print(
            f'pifpaf pipelines: {path} is not what the code compiles to. Run make pipelines and commit it',
            file=sys.stderr,
        )
    return 1 if difference else 0


if __name__ == '__main__':
    sys.exit(main())
