"""Fakes of a training are a module of their own, because other processes import them too."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
