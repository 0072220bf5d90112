import logging

import cv2
import numpy as np
import pytest

from components.runtime import core
from components.watch_evaluate.samples import N_IMAGES, samples


@pytest.fixture
def images(tmp_path):
    folder = tmp_path / 'images' / 'val2017'
    folder.mkdir(parents=True)
    for number in range(N_IMAGES + 2):
        (folder / f'{number}.jpg').write_bytes(b'image')
    return str(folder)


@pytest.fixture
def checkpoint(run, tmp_path):
    (tmp_path / 'weights').write_bytes(b'weights')
    run.commit_checkpoint(5, tmp_path / 'weights')
    return run


def predicted(argv, **_):
    """What ``pifpaf predict`` writes: no poses in the first image, one in the others."""
    folder = next(a.partition('=')[2] for a in argv if a.startswith('--json-output='))
    for position, path in enumerate(a for a in argv if a.endswith('.jpg')):
        name = path.rpartition('/')[2]
        cv2.imwrite(f'{folder}/{name}.predictions.jpeg', np.zeros((900, 1200, 3), np.uint8))
        with open(f'{folder}/{name}.predictions.json', 'w') as file:
            file.write('[{}]' if position else '[]')


def test_a_few_small_pictures_with_the_best_weights(checkpoint, images, tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(core, 'run', lambda argv, **_: (seen.extend(argv), predicted(argv)))
    found = samples(checkpoint, 5, images, {'long-edge': 257, 'eval-no-skip-epoch0': True}, tmp_path / 'scratch')
    assert list(found)[:2] == ['0.jpg: 0 poses', '1.jpg: 1 pose'] and len(found) == N_IMAGES
    sizes = {cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR).shape for jpeg in found.values()}
    assert sizes == {(480, 640, 3)}
    assert any('long-edge' in word for word in seen) and not any('skip-epoch0' in word for word in seen)
    assert not (tmp_path / 'scratch' / 'samples').exists()


def test_a_report_does_not_fail_for_its_pictures(checkpoint, images, tmp_path, monkeypatch, caplog):
    def fail(argv, **_):
        raise core.CommandFailed('predict', 1)

    monkeypatch.setattr(core, 'run', fail)
    with caplog.at_level(logging.WARNING):
        assert samples(checkpoint, 5, images, {}, tmp_path / 'scratch') == {}
    assert 'no sample predictions: predict ended with exit code 1' in caplog.text


def test_a_data_set_without_such_images_has_no_pictures(checkpoint, tmp_path):
    (tmp_path / 'empty').mkdir()
    assert samples(checkpoint, 5, str(tmp_path / 'empty'), {}, tmp_path / 'scratch') == {}
