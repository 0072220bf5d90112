"""One run's folder in the store: who may write what where (CONTRACTS sections 1 and 8).

::

    <run_root>/<run id>/run.json                                     what runs; its MLflow run
                        checkpoints/e0005/{weights.safetensors,manifest.json}
                        state/{g00002/...,manifest.json}             what a restarted training continues from
                        heartbeat.json                               training is alive
                        outcome.json                                 how the run ended; absent until then
                        eval/e0005.{claim,claim2,...,json}           who evaluates the epoch; what came out
                        report/  submission/  predictions/           what people read

The trainer's supervisor writes everything down to the heartbeat, evaluators write ``eval/``.
"""

import functools
import os
import re
import socket
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .commits import MANIFEST, commit, fetch, manifest
from .store import Store, check_uri, create_json, join, open_store, read_object, write_json

SUCCEEDED, FAILED, CANCELED = 'succeeded', 'failed', 'canceled'
WEIGHTS = 'weights.safetensors'
_CHECKPOINT = re.compile(r'checkpoints/e(\d{4,})/' + re.escape(MANIFEST))
_EVALUATION = re.compile(r'eval/e(\d{4,})\.json')


class RunFolder:
    """The folder ``<run_root>/<run id>``.

    Args:
        run_root: where runs live, a URI.
        run_id: name of the run, one path component.
    """

    def __init__(self, run_root: str, run_id: str) -> None:
        if not run_id or '/' in run_id or run_id.startswith('.'):
            raise ValueError(f"'{run_id}' cannot name a run. Give one path component, e.g. --run-id=first")
        check_uri(run_root)
        self.run_id = run_id
        self._uri = join(run_root, run_id)

    @functools.cached_property
    def store(self) -> Store:
        """The objects of the run, by key."""
        return open_store(self._uri)

    @property
    def uri(self) -> str:
        """Where the run lies."""
        return self.store.uri

    def record(self) -> dict[str, Any]:
        """``run.json``, empty before training began."""
        return read_object(self.store, 'run.json') or {}

    def update_record(self, **facts: Any) -> dict[str, Any]:
        """Add facts to ``run.json``. Only the supervisor of node 0 does."""
        record = {**self.record(), **facts}
        write_json(self.store, 'run.json', record)
        return record

    def begin_attempt(self, **facts: Any) -> int:
        """Count one more start of training and return its number, from 1. An outcome without success is void then."""
        if (self.outcome() or {}).get('outcome') in (FAILED, CANCELED):
            self.store.delete('outcome.json')
        return int(self.update_record(attempt=self.record().get('attempt', 0) + 1, **facts)['attempt'])

    def is_superseded(self, attempt: int) -> bool:
        """Whether a later attempt has begun, so that this one must not write any more."""
        return int(self.record().get('attempt', attempt)) > attempt

    def epochs(self) -> list[int]:
        """Epochs whose checkpoint is committed, ascending."""
        found = (_CHECKPOINT.fullmatch(key) for key, _ in self.store.list('checkpoints/'))
        return sorted(int(match[1]) for match in found if match)

    def commit_checkpoint(self, epoch: int, weights: Path, **facts: Any) -> None:
        """Make the weights of an epoch visible to evaluators."""
        commit(self.store, _checkpoint(epoch), {WEIGHTS: weights}, epoch=epoch, **facts)

    def fetch_checkpoint(self, epoch: int, folder: Path) -> Path:
        """Bring the weights of an epoch into ``folder``."""
        return fetch(self.store, _checkpoint(epoch), folder)[WEIGHTS]

    def checkpoint_uri(self, epoch: int) -> str:
        """Where the weights of an epoch lie."""
        return join(self.uri, _checkpoint(epoch), WEIGHTS)

    def commit_state(self, files: Mapping[str, Path], *, digests: Mapping[str, str], **facts: Any) -> None:
        """Replace the state that a restarted training continues from; ``digests`` as in `commit`.

        Each generation has a folder of its own, and the one manifest points at the newest: at no time is there none.
        """
        old = manifest(self.store, 'state') or {'generation': 0, 'files': {}}
        generation = int(old['generation']) + 1
        place = f'g{generation:05d}/'
        named = {place + name: path for name, path in files.items()}
        known = {place + name: digest for name, digest in digests.items()}
        commit(self.store, 'state', named, digests=known, generation=generation, **facts)
        for name in old['files']:
            self.store.delete(f'state/{name}')

    def fetch_state(self, folder: Path) -> dict[str, Path]:
        """Bring the latest committed state into ``folder``: {name: file}, empty when there is none."""
        if manifest(self.store, 'state') is None:
            return {}
        return {Path(name).name: path for name, path in fetch(self.store, 'state', folder).items()}

    def beat(self, **facts: Any) -> None:
        """Say that training is alive."""
        write_json(self.store, 'heartbeat.json', {'time': time.time(), 'host': socket.gethostname(), **facts})

    def heartbeat(self) -> dict[str, Any] | None:
        """The last sign of life, or None before the first."""
        return read_object(self.store, 'heartbeat.json')

    def end(self, outcome: str, **facts: Any) -> bool:
        """Write ``outcome.json`` unless there is one; whether this call did."""
        return create_json(self.store, 'outcome.json', {'outcome': outcome, 'time': time.time(), **facts})

    def outcome(self) -> dict[str, Any] | None:
        """How the run ended, or None while it has not."""
        return read_object(self.store, 'outcome.json')

    def evaluations(self) -> dict[int, dict[str, Any]]:
        """{epoch: result} of everything evaluated so far, by epoch."""
        found = (_EVALUATION.fullmatch(key) for key, _ in self.store.list('eval/'))
        return {int(match[1]): read_object(self.store, match[0]) or {} for match in found if match}

    def record_evaluation(self, epoch: int, result: Mapping[str, Any]) -> None:
        """Write what the evaluation of an epoch gave."""
        write_json(self.store, f'eval/e{epoch:04d}.json', {**result, 'epoch': epoch, 'time': time.time()})

    def claim(self, epoch: int, owner: str, *, expires: float) -> str | None:
        """Reserve the evaluation of an epoch: one of several evaluators gets the claim's key, the others None.

        A claim that was not renewed for ``expires`` seconds belonged to an evaluator that died, and is succeeded by one
        with the next number.
        """
        first = f'eval/e{epoch:04d}.claim'
        numbers = [int(key.removeprefix(first) or 1) for key, _ in self.store.list(first)]
        if numbers:
            last = read_object(self.store, _numbered(first, max(numbers)))
            if last is None or time.time() - last['time'] < expires:
                return None
        key = _numbered(first, max(numbers, default=0) + 1)
        return key if create_json(self.store, key, _claimed_by(owner)) else None

    def renew_claim(self, key: str, owner: str) -> None:
        """Say that the owner of a claim is still at it."""
        write_json(self.store, key, _claimed_by(owner))

    def release_claim(self, key: str) -> None:
        """Let others evaluate the epoch: this owner could not."""
        self.store.delete(key)


def evaluator() -> str:
    """A name for this process that no other process has."""
    return f'{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}'


def _checkpoint(epoch: int) -> str:
    return f'checkpoints/e{epoch:04d}'


def _numbered(claim: str, number: int) -> str:
    return claim if number == 1 else f'{claim}{number}'


def _claimed_by(owner: str) -> dict[str, Any]:
    return {'owner': owner, 'time': time.time()}
