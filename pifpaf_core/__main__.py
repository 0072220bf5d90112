"""``pifpaf <command>``, the same as ``python -m pifpaf_core <command>`` and ``python -m pifpaf_core.<command>``."""

import importlib
import sys
from collections.abc import Sequence

COMMANDS = {
    'prepare': 'fetch, check and lay out a data set, or render synthetic people',
    'dataset': 'check annotations and images: dataset check PATH',
    'train': 'train or refine a model',
    'eval': 'evaluate checkpoints, also while they are being written',
    'predict': 'find poses in images',
    'logs': 'draw training logs',
    'export': 'write a checkpoint for programs without torch: export onnx CHECKPOINT',
    'submission': 'check the zip for an evaluation server',
    'import-checkpoint': "turn an OpenPifPaf checkpoint into this library's format",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command that the first argument names; without one, list them. Returns the exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    name = arguments[0] if arguments else '--help'
    if name in ('-h', '--help', 'help'):
        sys.stdout.write(_overview())
        return 0
    if name == '--version':
        from .version import version

        sys.stdout.write(f'pifpaf-core {version()}\n')
        return 0
    if name not in COMMANDS:
        sys.stderr.write(f"pifpaf: there is no command '{name}'. Known: {', '.join(COMMANDS)}\n")
        return 2
    module = importlib.import_module(f'pifpaf_core.{name.replace("-", "_")}')
    code: int = module.main(arguments[1:])
    return code


def _overview() -> str:
    width = max(map(len, COMMANDS))
    rows = '\n'.join(f'  {name:{width}}  {text}' for name, text in COMMANDS.items())
    return f'usage: pifpaf <command> [options]\n\n{rows}\n\npifpaf <command> --help says more.\n'


if __name__ == '__main__':
    sys.exit(main())
