"""``pifpaf train`` on eight photographs, in small."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import safetensors.torch
import torch

from pifpaf_core import checkpoint, files, train
from pifpaf_core.training.state import FIXED, FREE

# Options of OpenPifPaf 0.13.11's training command with their defaults (None: not given).
ANCESTOR = {
    'output': None, 'disable-cuda': False, 'ddp': False, 'local-rank': None, 'no-sync-batchnorm': False,
    'epochs': 1, 'train-batches': None, 'val-batches': None, 'clip-grad-norm': 0.0, 'clip-grad-value': 0.0,
    'log-interval': 11, 'val-interval': 1, 'stride-apply': 1, 'fix-batch-norm': None, 'ema': 0.01, 'profile': None,
    'momentum': 0.9, 'beta2': 0.999, 'adam-eps': 1e-6, 'no-nesterov': False, 'weight-decay': 0.0, 'adam': False,
    'amsgrad': False, 'lr': 0.001, 'lr-decay': [], 'lr-decay-factor': 0.1, 'lr-decay-epochs': 1.0,
    'lr-warm-up-start-epoch': 0, 'lr-warm-up-epochs': 1, 'lr-warm-up-factor': 0.001, 'lr-warm-restarts': [],
    'lr-warm-restart-duration': 0.5, 'checkpoint': None, 'b-scale': 1.0, 'batch-size': 1, 'cif-side-length': 4,
}  # fmt: skip


@pytest.fixture
def flags(repository):
    """The smallest training on real photographs."""
    annotations = repository / 'examples/coco-eight/annotations/person_keypoints_val2017.json'
    images = repository / 'examples/coco-eight/images/val2017'
    return [
        '--dataset=cocokp', '--basenet=tiny', '--cocokp-square-edge=49', '--batch-size=4', '--loader-workers=0',
        f'--cocokp-train-annotations={annotations}', f'--cocokp-train-image-dir={images}',
        f'--cocokp-val-annotations={annotations}', f'--cocokp-val-image-dir={images}', '--disable-cuda',
    ]  # fmt: skip


def records(output, kind):
    found = [json.loads(line) for line in Path(f'{output}.log').read_text().splitlines()]
    return [record for record in found if record.get('type') == kind]


def dry_run(capsys, *arguments):
    assert train.main(['--dataset=cocokp', '--basenet=tiny', '--epochs=1', *arguments, '--dry-run']) == 0
    return json.loads(capsys.readouterr().out)


def fails(capsys, code, *arguments):
    """The one line on stderr of a command that ends with ``code``."""
    try:
        assert train.main(list(arguments)) == code
    except SystemExit as leaving:
        assert leaving.code == code
    line = capsys.readouterr().err.strip().splitlines()[-1]
    assert line.startswith('pifpaf train: ')
    return line


def test_options_of_the_ancestor_and_their_defaults(capsys):
    resolved = dry_run(capsys)
    assert {name: resolved.get(name, 'absent') for name in ANCESTOR} == ANCESTOR


def test_every_option_of_the_ancestor_arrives(capsys):
    arguments = (
        '-o x --local_rank=1 --no-sync-batchnorm --train-batches=3 --val-batches=2 --clip-grad-norm=0.1 '
        '--clip-grad-value=10 --log-interval=1 --val-interval=100 --stride-apply=2 --fix-batch-norm 5 --ema=0.02 '
        '--profile=p.json --momentum=0.95 --beta2=0.99 --adam-eps=1e-5 --no-nesterov --weight-decay=1e-5 --amsgrad '
        '--lr=0.0003 --lr-decay 220 240 --lr-decay-factor=0.5 --lr-decay-epochs=10 --lr-warm-up-start-epoch=250 '
        '--lr-warm-up-epochs=2 --lr-warm-up-factor=0.01 --lr-warm-restarts 10 20 --lr-warm-restart-duration=1 --ddp'
    )
    resolved = dry_run(capsys, *arguments.split())
    changed = {name: value for name, value in resolved.items() if name in ANCESTOR and value != ANCESTOR[name]}
    assert len(changed) == 29
    assert (changed['lr-decay'], changed['fix-batch-norm'], changed['output']) == ([220, 240], 5, 'x')
    assert dry_run(capsys, '--fix-batch-norm')['fix-batch-norm'] == 0


def test_options_that_resuming_treats_specially_exist(capsys):
    assert sorted((FREE | FIXED) - set(dry_run(capsys))) == []


def test_what_a_training_leaves(flags, tmp_path, capsys):
    output = tmp_path / 'out' / 'mine'
    assert train.main([*flags, '--epochs=2', '--log-interval=1', '-o', f'{output}.pkl', '--lr=0.002']) == 0
    names = sorted(path.name for path in output.parent.iterdir())
    final = [name for name in names if re.fullmatch(r'mine-[0-9a-f]{8}\.safetensors', name)]
    assert names == sorted([
        *final, 'mine.log', 'mine.best.safetensors', *(f'mine.epoch00{i}.safetensors' for i in range(3)),
        'mine.state.pt', 'mine.state.pt.sha256', 'mine.state.prev.pt', 'mine.state.prev.pt.sha256',
    ])  # fmt: skip
    digest = files.sha256(output.with_name('mine.epoch002.safetensors'))
    assert final == [f'mine-{digest[:8]}.safetensors'] and files.sha256(output.with_name(final[0])) == digest

    first = json.loads((output.parent / 'mine.log').read_text().splitlines()[0])
    assert first['type'] == 'process' and first['args']['lr'] == 0.002 and first['args']['seed'] == 0
    (config,) = records(output, 'config')
    assert config['field_names'] == [f'cocokp.{h}.{c}' for h in ('cif', 'caf') for c in ('c', 'vec', 'scales')]
    assert len(records(output, 'train')) == 4 and len(records(output, 'val-epoch')) == 2

    loaded = checkpoint.load(output.with_name(final[0]))
    assert (loaded.epoch, loaded.basenet) == (2, 'tiny')
    assert loaded.metadata['training']['lr'] == 0.002 and loaded.metadata['training']['resample'] == 'linear'
    assert 'train-epoch 2: loss' in capsys.readouterr().err


def test_names_of_new_trainings(flags, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for _ in range(2):  # likely in the same second
        assert train.main([*flags, '--epochs=1', '--train-batches=1', '--val-batches=1', '-q']) == 0
    names = [path.name for path in Path('outputs').glob('*.log')]
    assert len(names) == 2
    assert all(re.fullmatch(r'tiny-\d{6}-\d{6}-cocokp\.log', name) for name in names)


def test_continue_override_refuse_and_complete(flags, tmp_path, capsys):
    output = str(tmp_path / 'mine')
    common = [*flags, f'--output={output}']
    assert 'there is no state' in fails(capsys, 2, *common, '--epochs=1', '--resume')
    assert train.main([*common, '--epochs=1']) == 0
    digests = {path.name: files.sha256(path) for path in tmp_path.glob('*.safetensors')}
    assert train.main([*common, '--epochs=1', '--resume']) == 0
    assert '1 epochs are complete' in capsys.readouterr().err
    assert digests == {path.name: files.sha256(path) for path in tmp_path.glob('*.safetensors')}

    line = fails(capsys, 2, *common, '--epochs=2', '--lr=0.005')
    assert '--epochs was 1 and is 2' in line and '--lr was 0.001 and is 0.005' in line
    assert train.main([*common, '--epochs=2', '--lr=0.005', '--resume-override', 'epochs', 'lr']) == 0
    assert '--lr changes from 0.001 to 0.005' in capsys.readouterr().err
    assert [r['epoch'] for r in records(output, 'train-epoch')] == [1, 2]
    assert records(output, 'train')[-1]['lr'] == 0.005


def test_refine_a_checkpoint(flags, tmp_path, capsys):
    first, second = tmp_path / 'first', tmp_path / 'second'
    assert train.main([*flags, '--epochs=1', f'--output={first}']) == 0
    (final,) = tmp_path.glob('first-*.safetensors')
    refine = [flag for flag in flags if not flag.startswith('--basenet')]
    refine += [f'--output={second}', '--lr-warm-up-start-epoch=1', '--lr=1e-9', '--ema=0']
    refine += [f'--checkpoint={final.with_suffix(".pkl")}']  # as OpenPifPaf's users call it
    assert 'is of epoch 1. Raise --epochs' in fails(capsys, 2, *refine, '--epochs=1')
    assert train.main([*refine, '--epochs=3']) == 0
    assert [r['epoch'] for r in records(second, 'train-epoch')] == [2, 3]
    assert sorted(path.name for path in tmp_path.glob('second.epoch*')) == [
        'second.epoch002.safetensors', 'second.epoch003.safetensors',
    ]  # fmt: skip
    a, b = (safetensors.torch.load_file(path) for path in (final, tmp_path / 'second.epoch003.safetensors'))
    assert all(torch.allclose(a[name], b[name], atol=1e-5) for name in a if 'weight' in name)


@pytest.mark.parametrize(
    ('arguments', 'code', 'said'),
    [
        (['--basenet=tiny'], 2, 'Add --epochs'),
        (['--epochs=1'], 2, 'Give --basenet'),
        (['--basenet=huge', '--epochs=1'], 2, "no backbone 'huge'"),
        (['--basenet=tiny', '--epochs=1', '--resume'], 2, 'Add --output'),
        (['--basenet=tiny', '--epochs=1', '--resume-override', 'speed'], 2, "'speed'"),
        (['--basenet=tiny', '--epochs=1', '--output=outputs/'], 2, 'names no file'),
        (['--basenet=tiny', '--epochs=1', '--output='], 2, 'names no file'),
        (['--basenet=tiny', '--epochs=1', '--save-all'], 2, '--save-all and --show have nothing to show. Add --debug'),
        (['--basenet=tiny', '--epochs=0'], 2, '--epochs=0'),
        (['--basenet=tiny', '--epochs=1', '--ddp'], 2, 'torchrun'),
        (['--checkpoint=none.safetensors', '--epochs=1'], 1, 'none.safetensors'),
        (['--basenet=tiny', '--epochs=1', '--resnet-no-pretrain'], 2, "is for the backbones of 'resnet', and"),
        (['--checkpoint=a.pkl', '--epochs=1', '--resnet-no-pretrain'], 2, 'and --checkpoint=a.pkl knows its own'),
        (['--basenet=tiny', '--epochs=1', '--cocokp-upsample=3'], 1, "'cif' has upsample 3, which does not divide"),
    ],
)
def test_bad_options_end_with_one_line(capsys, monkeypatch, tmp_path, arguments, code, said):
    monkeypatch.chdir(tmp_path)
    assert said in fails(capsys, code, '--dataset=cocokp', *arguments)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written(flags, tmp_path, capsys):
    (tmp_path / 'file').write_text('')
    line = fails(capsys, 1, *flags, '--epochs=1', f'--output={tmp_path}/file/mine')
    assert 'cannot write' in line and 'Choose another --output' in line


def test_missing_data_leaves_no_half_training(flags, tmp_path, capsys):
    other = [flag for flag in flags if 'train-annotations' not in flag]
    line = fails(capsys, 1, *other, '--epochs=1', f'--output={tmp_path}/mine', '--cocokp-train-annotations=none.json')
    assert 'none.json' in line
    assert not list(tmp_path.glob('*.safetensors')) and not list(tmp_path.glob('*.pt'))


@pytest.mark.parametrize(('clip', 'warned'), [(33, True), (31, False)])
def test_warns_of_an_unstable_combination(flags, tmp_path, capsys, clip, warned):
    """The guide: learning rate times clipped gradient should not exceed the root of eps, which is 1e-3."""
    assert train.main([*flags, '--epochs=1', f'--clip-grad-value={clip}', f'--output={tmp_path}/x']) == 0
    assert ('is 0.033, more than the root of the eps of BatchNorm, 0.0316:' in capsys.readouterr().err) is warned


def test_killed_terminated_and_resumed_is_the_same_to_the_last_bit(flags, tmp_path, repository):
    """A real SIGKILL at some moment, a real SIGTERM, augmentation on, dropout on, a state after each step."""
    common = [
        *flags, '--epochs=3', '--batch-size=2', '--cf4-dropout=0.1', '--state-interval=1e-9', '--log-interval=1',
        '--cocokp-upsample=2', '--val-batches=1', '-q',
    ]  # fmt: skip
    common.remove('--batch-size=4')
    whole, killed = tmp_path / 'whole', tmp_path / 'killed'
    assert train.main([*common, f'--output={whole}']) == 0

    command = [sys.executable, '-m', 'pifpaf_core.train', *common, f'--output={killed}']
    assert end(command, signal.SIGKILL, killed, n_records=3) == -signal.SIGKILL
    assert end(command, signal.SIGTERM, killed, n_records=7) == 75
    before = len(records(killed, 'train'))
    assert train.main([*common, f'--output={killed}', '--resume']) == 0
    assert len(records(killed, 'train')) < before + 12  # it went on from the state

    for epoch in range(4):
        a, b = (Path(f'{output}.epoch{epoch:03d}.safetensors') for output in (whole, killed))
        assert same(safetensors.torch.load_file(a), safetensors.torch.load_file(b))
    a, b = (torch.load(f'{output}.state.pt', weights_only=True) for output in (whole, killed))
    for part in ('network', 'ema', 'optimizer', 'losses'):
        assert same(a[part], b[part]), part
    for kind in ('train', 'train-epoch', 'val-epoch'):
        assert losses(whole, kind) == losses(killed, kind)


def end(command, number, output, *, n_records):
    """Start a training, send it a signal once its log has ``n_records`` batches; its exit code."""
    process = subprocess.Popen(command, env=os.environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    log = Path(f'{output}.log')
    try:
        while process.poll() is None:
            if log.exists() and log.read_text().count('"type": "train",') >= n_records:
                process.send_signal(number)
                break
            time.sleep(0.01)
        return process.wait(timeout=120)
    finally:
        process.kill()


def losses(output, kind):
    return {(r['epoch'], r.get('batch')): [r['loss'], *r['head_losses']] for r in records(output, kind)}


def same(a, b):
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(map(same, a, b))
    return torch.equal(a, b) if isinstance(a, torch.Tensor) else a == b
