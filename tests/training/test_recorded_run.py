"""The training that OpenPifPaf 0.13.11's losses were recorded of, repeated: eight photographs learnt by heart."""

import csv
import json

import numpy as np
import pytest

from pifpaf_core import eval, train

ITERATIONS = (100, 200, 400)
RECIPE = [
    *('--basenet=shufflenetv2k16', '--cocokp-upsample=2', '--cocokp-no-augmentation', '--square-edge=257'),
    *('--batch-size=4', '--epochs=350', '--adam', '--lr=0.001', '--lr-decay', '280', '--b-scale=5'),
    *('--lr-warm-up-epochs=10', '--lr-decay-epochs=10', '--weight-decay=1e-5', '--weight-decay-all'),
    *('--val-interval=350', '--state-interval=60', '--log-interval=1', '--loader-workers=0', '--quiet'),
]


@pytest.mark.nightly
@pytest.mark.timeout(10800)
def test_the_recorded_run(repository, tmp_path):
    """The total loss stays within 15 % of its starting value, and all twelve people are found in the end."""
    folder = repository / 'examples/coco-eight'
    annotations, images = folder / 'annotations/person_keypoints_val2017.json', folder / 'images/val2017'
    data = [f'--cocokp-{split}-{what}' for split in ('train', 'val') for what in ('annotations', 'image-dir')]
    data = ['--dataset=cocokp', *(f'{flag}={path}' for flag, path in zip(data, [annotations, images] * 2, strict=True))]
    assert train.main([*data, *RECIPE, f'--output={tmp_path / "model"}']) == 0
    records = map(json.loads, (tmp_path / 'model.log').read_text().splitlines())
    losses = [record['loss'] for record in records if record.get('type') == 'train']
    assert len(losses) == 700
    with (repository / 'tests/golden/trained_losses.csv').open() as file:
        recorded = {int(row['iterations(mean of)'].split('-')[1]): float(row['loss']) for row in csv.DictReader(file)}
    for iteration in ITERATIONS:
        ours = float(np.mean(losses[iteration - 10 : iteration]))
        print(f'iterations {iteration - 9}-{iteration}: loss {ours:.0f}, recorded {recorded[iteration]:.0f}')
        assert abs(ours - recorded[iteration]) < 0.15 * recorded[10]
    last = tmp_path / 'model.epoch350.safetensors'
    argv = [f'--checkpoint={last}', '--long-edge=257', '--eval-padding=square', '--force-complete-pose', '--quiet']
    assert eval.main([*data, *argv, '--loader-workers=0']) == 0
    stats = json.loads((tmp_path / f'{last.name}.eval-cocokp.stats.json').read_text())
    assert stats['stats'][0] == pytest.approx(1.0, abs=0.005)
