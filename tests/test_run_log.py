import json
import math

import numpy as np
import pytest

from pifpaf_core.run_log import read_log

NAMES = ['cocokp.cif.c', 'cocokp.cif.vec']


def write(path, records):
    path.write_text(''.join(json.dumps(record) + '\n' for record in records))
    return path


def train(epoch, batch, **fields):
    return {'type': 'train', 'epoch': epoch, 'batch': batch, 'n_batches': 4, 'loss': 10.0, 'lr': 0.1, **fields}


@pytest.fixture
def log(tmp_path):
    return write(
        tmp_path / 'run-cocokp.log',
        [
            {'type': 'process', 'argv': []},
            {'type': 'config', 'field_names': NAMES},
            {'message': 'hello'},
            train(0, 0, head_losses=[4.0, 6.0], time=0.3, data_time=0.1),
            train(0, 2, head_losses=[3.0, None], time=0.2, data_time=0.0),
            {'type': 'train-epoch', 'epoch': 1, 'loss': 9.0, 'head_losses': [4.0, 5.0]},
            {'type': 'val-epoch', 'epoch': 1, 'loss': 9.5, 'head_losses': [4.5, 5.0]},
            train(0, 2, loss=7.0, head_losses=[3.5, 3.5], time=0.2, data_time=0.6, mtl_sigmas=[0.5, 0.25]),
        ],
    )


def test_epochs_count_what_is_done(log):
    run = read_log(log)
    assert run.label == 'run-cocokp'
    assert run.loss('train').epoch.tolist() == [0.25, 0.75]
    assert run.loss('val-epoch', 0).epoch.tolist() == [1.0]
    assert run.loss('val-epoch', 0).value.tolist() == [4.5]


def test_what_was_written_again_counts(log):
    run = read_log(log)
    assert run.loss('train').value.tolist() == [10.0, 7.0]
    assert run.loss('train', 1).value.tolist() == [6.0, 3.5]


def test_time_and_waiting(log):
    run = read_log(log)
    assert np.allclose(run.batch_seconds().value, [0.4, 0.8])
    assert np.allclose(run.data_wait().value, [0.25, 0.75])
    assert run.learning_rate().value.tolist() == [0.1, 0.1]
    assert math.isnan(run.sigma(1).value[0]) and run.sigma(1).value[1] == 0.25


def test_a_component_without_data_is_nan(tmp_path):
    records = [{'type': 'config', 'field_names': NAMES}, train(0, 0, head_losses=[1.0, None])]
    assert math.isnan(read_log(write(tmp_path / 'a.log', records)).loss('train', 1).value[0])


def test_since(log):
    assert read_log(log).loss('train').since(0.5).value.tolist() == [7.0]


def test_a_line_cut_short_is_passed_over(log):
    with log.open('a') as file:
        file.write('{"type": "train", "epo')
    assert len(read_log(log).train) == 2


def test_no_log(tmp_path):
    with pytest.raises(ValueError, match=r'is no log of a training. Name the \.log file'):
        read_log(write(tmp_path / 'a.log', [{'message': 'hello'}]))
    with pytest.raises(OSError, match='absent'):
        read_log(tmp_path / 'absent.log')


@pytest.mark.parametrize(
    ('log_name', 'checkpoints'),
    [
        ('run.log', ['run.epoch005.safetensors', 'run.epoch010.safetensors', 'run-other.epoch015.safetensors']),
        ('run.pkl.log', ['run.pkl.epoch005', 'run.epoch010.safetensors', 'run2.pkl.epoch005']),
    ],
)
def test_evaluations_beside_the_log(tmp_path, log_name, checkpoints):
    path = write(tmp_path / log_name, [train(0, 0)])
    for i, name in enumerate(checkpoints):
        stats = {'stats': [0.1 * (i + 1), 0.5], 'text_labels': ['AP', 'AP0.5'], 'dataset': 'cocokp'}
        (tmp_path / f'{name}.eval-cocokp.stats.json').write_text(json.dumps(stats))
    precision = read_log(path).statistic('cocokp', 'AP')
    assert precision.epoch.tolist() == [5, 10]
    assert np.allclose(precision.value, [0.1, 0.2])
    assert read_log(path, eval_suffix='.eval-crowdpose.stats.json').evaluations == {}


@pytest.mark.parametrize('content', [b'{"stats": [', b'[]', b'\xff'])
def test_a_damaged_evaluation_is_named(log, content):
    path = log.with_name(f'{log.stem}.epoch001.safetensors.eval-cocokp.stats.json')
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r'epoch001.safetensors.eval-cocokp.stats.json is damaged. Remove it'):
        read_log(log)


def test_openpifpaf(repository):
    run = read_log(repository / 'tests/golden/openpifpaf_train.log')
    assert run.field_names[3] == 'cocokp.caf.c'
    assert run.loss('train').value.tolist() == [6940.688, 9174.812, 6073.713, 4927.189, 7625.869, 7969.695]
    assert run.loss('train', 5).value[0] == 5.097
    assert np.allclose(run.loss('train').epoch, np.arange(1, 7) / 10)
    assert run.loss('val-epoch').value.tolist() == [2388.57837]
