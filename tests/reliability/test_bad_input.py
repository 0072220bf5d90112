"""The bad-input campaign: whatever a file or an option holds, a command ends with a line, in time, without debris.

300 cases in the first tier, 5,100 in the nightly one. A case is a kind and a number; the number seeds the damage, so
that `attempt` repeats what failed. docs/reliability.md says what was found.
"""

import contextlib
import io
import json
import pickle
import random
import shutil
import signal
import sys
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from coco_folder import Folder
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))

import damage

from pifpaf_core import dataset, prepare, submission
from pifpaf_core.datasets import declaration
from pifpaf_core.datasets.images import read_image
from pifpaf_core.exported import KEY, Exported
from pifpaf_core.headmeta import Caf, Cif, CifDet
from pifpaf_core.run_log import read_log
from pifpaf_core.skeletons.cocokp import COCO_PERSON

CPU_SECONDS = 20.0
NIGHTLY = 17  # times as many
CASES = {
    'coco': 50, 'image': 60, 'archive': 30, 'manifest': 20, 'log': 30, 'declaration': 30, 'submission': 30,
    'export': 20, 'checkpoint': 20, 'state': 10,
}  # fmt: skip


class Bomb:
    """What runs if a pickle is run."""

    def __reduce__(self):
        return (exec, ('import builtins; builtins.pifpaf_bomb = True',))


@contextlib.contextmanager
def limited(seconds=CPU_SECONDS):
    """An AssertionError in a block that computes for too long; waiting for other processes does not count."""

    def stop(*_):
        raise AssertionError(f'computed for more than {seconds} s')

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def listed(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob('*'))


def command(main, *argv):
    """Run a command: its exit code, after a look at how it ended."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = main(list(argv))
        except SystemExit as stop:
            code = stop.code
    said = err.getvalue()
    assert code in (0, 1, 2), code
    assert 'Traceback' not in said and 'internal error' not in said, said
    if code and not out.getvalue():
        assert said.splitlines()[-1].startswith('pifpaf '), said
    return code


@contextlib.contextmanager
def refused():
    """What a library function may do with damaged input: nothing wrong, or one line."""
    try:
        yield
    except (ValueError, OSError) as error:
        assert str(error).strip(), type(error)


def coco(folder, chance):
    path = folder / 'source/annotations/person_keypoints_val2017.json'
    path.write_bytes(damage.json_of(json.loads(path.read_text()), chance))
    before = listed(folder)
    command(dataset.main, 'check', str(path), '--workers=1', *chance.choice(([], ['--image-dir=none'], ['--json'])))
    assert listed(folder) == before


def image(folder, chance):
    pixels = np.random.default_rng(chance.randrange(9)).integers(0, 256, (24, 32, 3)).astype(np.uint8)
    suffix = chance.choice(('.jpg', '.png', '.webp', '.bmp', '.tiff'))
    path = folder / f'x{suffix}'
    path.write_bytes(damage.bytes_of(cv2.imencode(suffix, pixels)[1].tobytes(), chance))
    with refused():
        found = read_image(path)
        assert found.dtype == np.uint8 and found.ndim == 3 and found.shape[2] == 3


def archive(folder, chance):
    path = folder / 'x.zip'
    names = (None, '../../x.json', '/x.json', 'annotations/../../x.json', 'a\\..\\x.json', 'x\x00.json', 'n' * 300)
    with zipfile.ZipFile(path, 'w', chance.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))) as opened:
        for file in sorted((folder / 'source').rglob('*.*')):
            opened.write(file, file.relative_to(folder / 'source'))
        if name := chance.choice(names):
            opened.writestr(name, b'{}')
    if chance.random() < 0.8:
        path.write_bytes(damage.bytes_of(path.read_bytes(), chance))
    before = listed(folder)
    code = command(prepare.main, f'--source={path}', f'--output={folder / "out"}', '--val-is-train', '--workers=1')
    left = [name for name in listed(folder) if name not in before]
    assert (left == []) if code else ('out/manifest.json' in left), left
    assert all(name.partition('/')[0] == 'out' for name in left), left


def manifest(folder, chance):
    output = folder / 'out'
    argv = [f'--source={folder / "source"}', f'--output={output}', '--val-is-train', '--workers=1']
    assert command(prepare.main, *argv) == 0
    path = output / 'manifest.json'
    path.write_bytes(damage.json_of(json.loads(path.read_text()), chance))
    content, before = path.read_bytes(), listed(folder)
    if command(prepare.main, *argv):
        assert path.read_bytes() == content and listed(folder) == before


def log(folder, chance):
    records = [
        {'type': 'config', 'field_names': ['cocokp.cif.c', 'cocokp.caf.c']},
        *({'type': 'train', 'epoch': 0, 'batch': b, 'n_batches': 2, 'loss': 1.0, 'head_losses': [1, 2], 'lr': 0.1,
           'time': 0.1, 'data_time': 0.0} for b in range(2)),
        {'type': 'train-epoch', 'epoch': 1, 'loss': 1.0, 'head_losses': [0.5, 0.5]},
        {'type': 'val-epoch', 'epoch': 1, 'loss': 1.0, 'head_losses': [0.5, 0.5]},
    ]  # fmt: skip
    lines = [json.dumps(record).encode() for record in records]
    lines[chance.randrange(len(lines))] = damage.json_of(chance.choice(records), chance)
    (folder / 'x.log').write_bytes(b'\n'.join(lines))
    stats = {'text_labels': ['AP'], 'stats': [0.5], 'epoch': 1}
    (folder / 'x.epoch001.eval-cocokp.stats.json').write_bytes(
        damage.json_of(stats, chance) if chance.random() < 0.3 else json.dumps(stats).encode()
    )
    with refused():
        found = read_log(folder / 'x.log')
        for curve in (found.loss('train'), found.loss('val-epoch', 0), found.learning_rate(), found.data_wait()):
            assert len(curve.epoch) == len(curve.value)
        found.statistic('cocokp', 'AP')


def declared(folder, chance):
    document = {
        'name': 'gecko',
        'keypoints': [['nose', 0.03, 0.0, 3.0, 'nose'], ['tail', 0.1, 0.0, -3.0, 'tail']],
        'connections': [['nose', 'tail']],
        'train': {'annotations': 'a.json', 'images': 'i'},
        'val': {'annotations': 'a.json', 'images': 'i'},
    }
    path = folder / chance.choice(('x.yaml', 'x.json'))
    path.write_bytes(damage.json_of(document, chance))
    if chance.random() < 0.1:
        path.write_text('!!python/object/apply:builtins.exec ["import builtins; builtins.pifpaf_bomb = True"]')
    with refused():
        declaration.read(path)


def zipped(folder, chance):
    records = [{'image_id': 1, 'category_id': 1, 'keypoints': [1.0, 2.0, 0.5] * 17, 'score': 0.5}]
    path = folder / 'x.zip'
    with zipfile.ZipFile(path, 'w', zipfile.ZIP_DEFLATED) as opened:
        opened.writestr(chance.choice(('predictions.json', '../x.json')), damage.json_of(records, chance))
    if chance.random() < 0.5:
        path.write_bytes(damage.bytes_of(path.read_bytes(), chance))
    command(submission.main, 'check', str(path))


METAS = [
    Cif(name='cif', dataset='cocokp', skeleton=COCO_PERSON),
    Caf(name='caf', dataset='cocokp', skeleton=COCO_PERSON),
    CifDet(name='cifdet', dataset='cocodet', categories=('person',)),
]


def export(folder, chance):
    whole = Exported(tuple(m.bound(i, 16) for i, m in enumerate(METAS)), 'tiny', 1, 'linear', '1').to_metadata()[KEY]
    with refused():
        text = damage.json_of(json.loads(whole), chance).decode(errors='replace')
        Exported.from_metadata({KEY: text})


def weights(folder, chance):
    from safetensors import safe_open
    from safetensors.torch import load_file, save_file

    from pifpaf_core import checkpoint, network

    path = folder / 'x.safetensors'
    checkpoint.save(path, network.create('tiny', METAS[2:]), epoch=1, basenet='tiny')
    if chance.random() < 0.5:
        path.write_bytes(damage.bytes_of(path.read_bytes(), chance))
    elif chance.random() < 0.2:
        path.write_bytes(pickle.dumps(Bomb()))
    else:
        with safe_open(path, 'pt') as opened:
            text = opened.metadata()['pifpaf']
        changed = damage.json_of(json.loads(text), chance).decode(errors='replace')
        save_file(load_file(path), path, metadata={'pifpaf': changed})
    with refused():
        checkpoint.load(path)


def state(folder, chance):
    import torch

    from pifpaf_core.files import sha256
    from pifpaf_core.training.state import StateFiles

    files = StateFiles(folder / 'x')
    files.save({'model': {'w': torch.zeros(8)}, 'epoch': 1})
    if chance.random() < 0.4:
        torch.save({'format': 1, 'model': Bomb()}, files.current)
    else:
        files.current.write_bytes(damage.bytes_of(files.current.read_bytes(), chance))
    if chance.random() < 0.7:  # somebody who damages a file on purpose writes its digest too
        Path(f'{files.current}.sha256').write_text(f'{sha256(files.current)}  x.state.pt\n')
    with refused():
        files.load()


KINDS = {
    'coco': coco, 'image': image, 'archive': archive, 'manifest': manifest, 'log': log, 'declaration': declared,
    'submission': zipped, 'export': export, 'checkpoint': weights, 'state': state,
}  # fmt: skip


def attempt(kind, number, folder):
    """One case; raises if it ends as none may."""
    import builtins

    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    if kind in ('coco', 'archive', 'manifest'):
        Folder(folder / 'source').add('val', 2)
    with limited():
        KINDS[kind](folder, random.Random(f'{kind}-{number}'))
    assert not hasattr(builtins, 'pifpaf_bomb'), 'it ran what it read'


def campaign(kind, numbers, folder):
    """The cases that failed, and how."""
    failed = {}
    for number in numbers:
        try:
            attempt(kind, number, folder)
        except Exception as error:  # every other case is to be tried too
            failed[number] = f'{type(error).__name__}: {str(error)[:300]}'
    return failed


def test_the_campaign_has_300_and_5000_cases():
    assert sum(CASES.values()) == 300 and sum(CASES.values()) * NIGHTLY >= 5000
    assert list(CASES) == list(KINDS)


@pytest.mark.parametrize('kind', KINDS)
def test_damaged_input(kind, tmp_path):
    assert campaign(kind, range(CASES[kind]), tmp_path / 'case') == {}


@pytest.mark.nightly
@pytest.mark.timeout(3600)
@pytest.mark.parametrize('kind', KINDS)
def test_much_damaged_input(kind, tmp_path):
    assert campaign(kind, range(CASES[kind] * NIGHTLY), tmp_path / 'case') == {}


def crashing(folder, chance):
    raise KeyError('x')


def endless(folder, chance):
    while True:
        pass


def running(folder, chance):
    pickle.loads(pickle.dumps(Bomb()))


@pytest.mark.parametrize('broken', [crashing, endless, running])
def test_the_campaign_sees_what_it_looks_for(broken, tmp_path, monkeypatch):
    import builtins

    monkeypatch.setitem(KINDS, 'log', broken)
    short = limited(0.2)
    monkeypatch.setitem(attempt.__globals__, 'limited', lambda: short)
    try:
        assert list(campaign('log', [0], tmp_path / 'case')) == [0]
    finally:
        if hasattr(builtins, 'pifpaf_bomb'):
            del builtins.pifpaf_bomb


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)
NAMES = st.sampled_from(['source', 'output', 'workers', 'val-fraction', 'seed', 'n-images', 'dry-run', 'options'])


@settings(max_examples=60, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
@given(st.dictionaries(NAMES | st.text(max_size=12), VALUES, max_size=4))
def test_odd_options(options):
    assert command(prepare.main, '--dry-run', '--options', json.dumps(options)) in (0, 2)
