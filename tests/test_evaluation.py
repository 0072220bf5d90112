import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from oracle import Oracle, oracle_checkpoint

from pifpaf_core.datasets import selection
from pifpaf_core.datasets.cocokp import CocoKpOptions
from pifpaf_core.decoders import DecoderOptions
from pifpaf_core.evaluation import count_ops, evaluate, result_prefix, write_results
from pifpaf_core.network import create
from pifpaf_core.predictor import Predictor


@pytest.fixture(scope='module')
def module(repository):
    root = repository / 'examples/coco-eight'
    options = CocoKpOptions(
        val_annotations=str(root / 'annotations/person_keypoints_val2017.json'),
        val_image_dir=str(root / 'images/val2017'),
        upsample=2,
    )
    return selection.build('cocokp', options={'cocokp': options})[0]


def evaluated(module, *, padding='tight', long_edge=641, batch_size=1, force_complete=False, **options):
    preprocess = module.eval_preprocess(padding=padding, long_edge=long_edge)
    samples = module.eval_samples(preprocess)
    oracle = Oracle(module.head_metas, (samples[i] for i in range(len(samples))))
    predictor = Predictor(
        oracle_checkpoint(oracle),
        preprocess=preprocess,
        batch_size=batch_size,
        decoder_options=DecoderOptions(force_complete_pose=force_complete),
        datasets=['cocokp'],
    )
    metric = module.metric()
    options = {'checkpoint': 'x.epoch007.safetensors', 'epoch': 7, 'dataset': 'cocokp', **options}
    return evaluate(predictor, samples, metric, **options), metric


@pytest.mark.parametrize('force_complete', [False, True])
@pytest.mark.parametrize(
    ('padding', 'long_edge', 'batch_size'),
    [('tight', 641, 1), ('tight', 641, 4), ('square', 257, 4), ('tight', 385, 2)],
)
def test_what_the_encoders_ask_for_is_what_the_metric_wants(module, padding, long_edge, batch_size, force_complete):
    """Encoders, decoders, geometry and metric agree: perfect fields mean (nearly) perfect precision."""
    evaluation, _ = evaluated(
        module, padding=padding, long_edge=long_edge, batch_size=batch_size, force_complete=force_complete
    )
    numbers = dict(zip(evaluation.text_labels, evaluation.stats, strict=True))
    assert numbers['AP'] > 0.95, numbers
    assert numbers['AP0.5'] == numbers['AR0.5'] == pytest.approx(1.0)


def test_what_is_recorded(module, tmp_path):
    evaluation, metric = evaluated(module)
    assert evaluation.n_images == 8
    assert 0.0 < evaluation.nn_time < evaluation.total_time
    assert evaluation.decoder_time > 0.0
    assert evaluation.images_per_second == pytest.approx(8 / evaluation.total_time)
    paths = write_results(evaluation, metric, str(tmp_path / 'a'), options={'seed-threshold': 0.2}, predictions=True)
    assert [Path(path).name for path in paths] == ['a.predictions.json', 'a.zip', 'a.stats.json']
    content = json.loads((tmp_path / 'a.stats.json').read_text())
    assert set(content) >= {
        'stats', 'text_labels', 'args', 'version', 'dataset', 'total_time', 'checkpoint', 'count_ops', 'file_size',
        'n_images', 'decoder_time', 'nn_time',
    }  # fmt: skip
    assert len(content['stats']) == len(content['text_labels']) == 10
    assert content['args'] == {'seed_threshold': 0.2}
    assert content['checkpoint'] == 'x.epoch007.safetensors'
    with zipfile.ZipFile(tmp_path / 'a.zip') as archive:
        assert archive.namelist() == ['predictions.json']
        assert json.loads(archive.read('predictions.json')) == json.loads((tmp_path / 'a.predictions.json').read_text())


def test_predictions_only_if_asked_for(module, tmp_path):
    evaluation, metric = evaluated(module, long_edge=257)
    assert len(write_results(evaluation, metric, str(tmp_path / 'a'), options={}, predictions=False)) == 1
    assert [path.name for path in tmp_path.iterdir()] == ['a.stats.json']


def test_a_damaged_image_ends_the_evaluation(module, tmp_path):
    """Statistics over the other images would look like those over all."""

    class Broken:
        def __init__(self, samples):
            self.samples = samples

        def __len__(self):
            return len(self.samples)

        def __getitem__(self, index):
            if index == 3:
                raise OSError("image 'x.jpg' is truncated. Fetch it again")
            return self.samples[index]

    samples = module.eval_samples(module.eval_preprocess(long_edge=257))
    predictor = Predictor(oracle_checkpoint(Oracle(module.head_metas, [])), datasets=['cocokp'])
    with pytest.raises(OSError, match='truncated'):
        evaluate(predictor, Broken(samples), module.metric(), checkpoint='x', epoch=0, dataset='cocokp')


def test_operations_of_a_network_that_can_be_counted_by_hand(module):
    """Tiny: 3x3 convolutions at strides 2 to 16, two dilated ones, and two heads of 1x1 convolutions."""
    giga, parameters = count_ops(create('tiny', module.head_metas))
    cells = [321**2, 161**2, 81**2, 41**2]
    widths = [3, 16, 32, 48, 64]
    macs = sum(n * 9 * a * b for n, a, b in zip(cells, widths[:-1], widths[1:], strict=True))
    macs += 2 * cells[-1] * 9 * 64 * 64 + cells[-1] * 64 * (17 * 5 + 19 * 8) * 4
    assert giga == pytest.approx(macs / 1e9, rel=1e-6)
    assert parameters == sum(p.numel() for p in create('tiny', module.head_metas).parameters())


@pytest.mark.parametrize(
    ('checkpoint', 'output', 'prefix'),
    [
        ('outputs/a.epoch005.safetensors', None, 'outputs/a.epoch005.safetensors.eval-cocokp'),
        ('shufflenetv2k30', None, 'shufflenetv2k30.eval-cocokp'),
        ('outputs/a.epoch005.safetensors', 'results/', 'results/a.epoch005.safetensors.eval-cocokp'),
        ('outputs/a.epoch005.safetensors', 'results/mine', 'results/mine'),
    ],
)
def test_names_of_results(checkpoint, output, prefix):
    assert result_prefix(checkpoint, 'cocokp', output) == prefix


def test_an_existing_folder_takes_results(tmp_path):
    assert result_prefix('a', 'cocokp', str(tmp_path)) == str(tmp_path / 'a.eval-cocokp')


def test_statistics_are_json_without_nan(module, tmp_path):
    evaluation, metric = evaluated(module, long_edge=257)
    write_results(evaluation, metric, str(tmp_path / 'a'), options={}, predictions=False)
    numbers = json.loads((tmp_path / 'a.stats.json').read_text(), parse_constant=lambda name: pytest.fail(name))[
        'stats'
    ]
    assert np.isfinite(numbers).all()
