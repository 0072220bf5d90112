"""Every command line of OpenPifPaf's training guide, with our name in place of its own, is understood."""

import importlib
import json
import re
import shlex
import subprocess
import sys

import pytest

GUIDE = [
    """train --lr=0.01 --momentum=0.9 --b-scale=5.0 --epochs=1000 --lr-warm-up-epochs=100
       --batch-size=4 --train-batches=1 --val-batches=1 --val-interval=100 --weight-decay=1e-5
       --dataset=cocokp --cocokp-upsample=2 --cocokp-no-augmentation --basenet=shufflenetv2k16""",
    """predict --checkpoint outputs/shufflenetv2k16-201007-153356-cocokp-1de9503b.pkl
       --debug-indices cif:5 caf:5 --debug-images --long-edge=385 --loader-workers=0
       --save-all --image-output all-images/overfitted.jpeg data-mscoco/images/train2017/000000262146.jpg""",
    """train --lr=0.0003 --momentum=0.95 --b-scale=10.0 --clip-grad-value=10
       --epochs=250 --lr-decay 220 240 --lr-decay-epochs=10 --batch-size=32 --weight-decay=1e-5
       --dataset=cocokp --cocokp-upsample=2 --cocokp-extended-scale --cocokp-orientation-invariant=0.1
       --basenet=shufflenetv2k16""",
    """eval --watch --checkpoint "outputs/shufflenetv2k??-*-cocokp*.pkl.epoch??[0,5]" --loader-workers=2
       --decoder=cifcaf:0 --dataset=cocokp --force-complete-pose --seed-threshold=0.2""",
    """eval --checkpoint shufflenetv2k30 --loader-workers=2 --decoder=cifcaf:0 --dataset=cocokp --force-complete-pose
       --seed-threshold=0.2 --cocokp-eval-testdev2017 --coco-no-eval-annotation-filter --write-predictions""",
    """eval --watch --checkpoint "outputs/shufflenetv2k16-201023-163830-cocokp.pkl.epoch??[0,5]" --dataset=cocokp
       --loader-workers=2 --force-complete-pose --seed-threshold=0.2""",
    """logs outputs/resnet50block5-pif-paf-edge401-190424-122009.pkl.log
       outputs/resnet101block5-pif-paf-edge401-190412-151013.pkl.log
       outputs/resnet152block5-pif-paf-edge401-190412-121848.pkl.log""",
    'train --ddp --dataset=cocokp --basenet=shufflenetv2k16 --epochs=1 --local-rank=0',
    'train --ddp --dataset=cocokp --basenet=shufflenetv2k16 --epochs=1 --local_rank=0',
    'train --lr=0.0003 --dataset=cocokp --epochs=1 --basenet=resnet50 --square-edge=513',
    """train --lr=0.0003 --momentum=0.95 --clip-grad-value=10 --epochs=150 --lr-decay 130 140 --lr-decay-epochs=10
       --batch-size=64 --weight-decay=1e-5 --dataset=cocodet --cocodet-upsample=2
       --basenet=resnet18 --resnet-input-conv2-stride=2 --resnet-block5-dilation=2""",
    """eval --watch --checkpoint "outputs/resnet??-*-cocodet*.pkl.epoch??[0,5]" --loader-workers=2
       --dataset=cocodet --decoder=cifdet:0 --seed-threshold=0.1 --instance-threshold=0.1""",
]


@pytest.mark.parametrize('line', GUIDE, ids=lambda line: ' '.join(line.split())[:50])
def test_dry_run(line, capsys):
    name, *argv = shlex.split(line)
    assert importlib.import_module(f'pifpaf_core.{name}').main([*argv, '--dry-run']) == 0
    assert isinstance(json.loads(capsys.readouterr().out), dict)


def test_debug_plots_of_the_trainings(capsys):
    """The guide: add --debug-images and --debug-indices cif:5 caf:5, and --show or --save-all, to a training."""
    for line in GUIDE:
        name, *argv = shlex.split(line)
        if name != 'train':
            continue
        field = 'cifdet:5' if '--dataset=cocodet' in argv else 'cif:5'
        plots = '--debug-images', '--debug-indices', field, 'caf:5', '--save-all', '--show'
        assert importlib.import_module('pifpaf_core.train').main([*argv, *plots, '--dry-run']) == 0
        resolved = json.loads(capsys.readouterr().out)
        assert (resolved['save-all'], resolved['show'], resolved['debug-images']) == ('all-images', True, True)
        assert resolved['debug-indices'] == [field, 'caf:5']


def test_the_launcher_of_the_guide():
    """It hands over ``--local-rank`` as an argument, which newer launchers do not."""
    launcher = [sys.executable, '-m', 'torch.distributed.launch', '-m', 'pifpaf_core.train', '--ddp']
    options = ['--dataset=cocokp', '--basenet=tiny', '--epochs=1', '--dry-run']
    done = subprocess.run([*launcher, *options], capture_output=True, text=True, timeout=250)
    assert done.returncode == 0, done.stderr
    resolved = json.loads(done.stdout)
    assert (resolved['ddp'], resolved['local-rank']) == (True, 0)


def test_there_are_no_other_command_lines_in_the_guide(shared):
    text = (shared / 'TRAINING-GUIDE.txt').read_text().replace('\\\n', ' ')
    found = re.findall(r'-m openpifpaf\.(\w+)([^\n]*)', text)
    found += re.findall(r'sbatch \./(\w+)\.sh([^\n#]*)', text)
    found = [(name, rest) for name, rest in found if '$(printf' not in rest and '--all-other-args' not in rest]
    assert len(found) == 10
    tried = [shlex.split(line) for line in GUIDE]
    for name, rest in found:
        words = [name, *shlex.split(rest)]
        assert any(words == line or (len(words) == 2 and set(words) <= set(line)) for line in tried), words
