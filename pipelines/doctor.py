"""``python -m pipelines.doctor``: the doctor beside the other commands for pipelines; see `components.doctor`."""

import sys

from components.doctor.__main__ import main

if __name__ == '__main__':
    sys.exit(main())
