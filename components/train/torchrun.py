"""The trainer's torchrun, which does not outlive its supervisor: ``python -m components.train.torchrun ARGUMENTS``."""

import sys

from pifpaf_core.training import torchrun
from pifpaf_core.training.lifeline import end_with_parent

if __name__ == '__main__':
    end_with_parent()
    sys.exit(torchrun.main(sys.argv[1:]))
