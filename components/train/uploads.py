"""What the trainer commits on disk, committed in the store: each checkpoint once, and always the newest state."""

import glob
import logging
import math
import os
import re
import shutil
import time
from pathlib import Path

from components.runtime.run_folder import RunFolder
from pifpaf_core.files import sha256

LOG = logging.getLogger(__name__)
_EPOCH = re.compile(r'\.epoch(\d{3,})\.safetensors$')
_STATE = 'state.pt'


class Superseded(Exception):  # noqa: N818
    """A later attempt of this run has begun elsewhere: this one must stop without writing any more."""


class Uploads:
    """Copies one training's files from its output folder to the store.

    Args:
        run: where to.
        output: name of the training with folder, as given to the trainer: ``<output>.epoch005.safetensors``.
        attempt: number of this start, from `RunFolder.begin_attempt`.
        state_interval: seconds between states at least.
    """

    def __init__(self, run: RunFolder, output: Path, attempt: int, *, state_interval: float = 30.0) -> None:
        self._run, self._output, self._attempt = run, output, attempt
        self._state_interval, self._state_time = state_interval, -math.inf
        self._committed = {*run.epochs(), *run.removed_epochs()}
        self._state_seen: tuple[int, int] | None = None

    def restore(self) -> bool:
        """Bring the latest committed state beside the output, where the trainer looks for it; whether there was one."""
        scratch = self._output.parent / 'restored'
        found = self._run.fetch_state(scratch)
        for name, path in found.items():
            path.replace(self._beside(name))
        shutil.rmtree(scratch, ignore_errors=True)
        return bool(found)

    def step(self, *, last: bool = False) -> list[int]:
        """Commit what is new; returns the epochs of new checkpoints.

        States that follow each other fast are not all worth their transfer: one in ``state_interval`` is taken.

        Args:
            last: the trainer has ended, so that its state is the one that counts.

        Raises:
            Superseded: see there.
            OSError: the store cannot be used now. The next call tries again.
        """
        new = self._new_checkpoints()
        is_due = last or time.monotonic() - self._state_time >= self._state_interval
        state = self._new_state() if is_due else None
        if (new or state) and self._run.is_superseded(self._attempt):
            raise Superseded
        for epoch, path in sorted(new.items()):
            if not self._run.commit_checkpoint(epoch, path, attempt=self._attempt):
                LOG.info('epoch %d was committed by another attempt, which stays', epoch)
            self._committed.add(epoch)
        if state:
            self._commit_state(state)
        return sorted(new)

    def _new_checkpoints(self) -> dict[int, Path]:
        paths = self._output.parent.glob(f'{glob.escape(self._output.name)}.epoch*.safetensors')
        found = {int(match[1]): path for path in paths if (match := _EPOCH.search(path.name))}
        return {epoch: path for epoch, path in found.items() if epoch not in self._committed}

    def _new_state(self) -> tuple[int, int] | None:
        """What tells one state file from the next, if there is a new one. The trainer replaces it as a whole."""
        try:
            stat = self._beside(_STATE).stat()
        except FileNotFoundError:
            return None
        seen = (stat.st_ino, stat.st_mtime_ns)
        return None if seen == self._state_seen else seen

    def _commit_state(self, seen: tuple[int, int]) -> None:
        """Commit the state with its digest and the log so far, so that another pod can go on with all of it."""
        snapshot = self._output.parent / 'snapshot'
        shutil.rmtree(snapshot, ignore_errors=True)
        snapshot.mkdir()
        files = {name: snapshot / name for name in (_STATE, f'{_STATE}.sha256', 'log', 'log.offset')}
        _link_or_copy(self._beside(_STATE), files[_STATE])
        for name, path in files.items():
            if name != _STATE and self._beside(name).exists():
                shutil.copyfile(self._beside(name), path)
        recorded, digest = files[f'{_STATE}.sha256'], sha256(files[_STATE])
        if not recorded.exists() or recorded.read_text().split()[:1] != [digest]:
            return  # the trainer is between the two files; the next step finds both
        present = {name: path for name, path in files.items() if path.exists()}
        self._run.commit_state(present, digests={_STATE: digest}, attempt=self._attempt)
        shutil.rmtree(snapshot)
        self._state_seen, self._state_time = seen, time.monotonic()

    def _beside(self, suffix: str) -> Path:
        return self._output.with_name(f'{self._output.name}.{suffix}')


def _link_or_copy(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
