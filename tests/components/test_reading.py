"""The library on a store: training data, annotations and checkpoints by ``s3://`` address, through the real plugin."""

import numpy as np
import pytest
import torch

from components.runtime.store import open_store
from pifpaf_core import checkpoint, predict, train
from pifpaf_core import eval as evaluate
from pifpaf_core.datasets import selection
from pifpaf_core.datasets.cocokp import CocoKp
from pifpaf_core.datasets.images import read_image
from pifpaf_core.datasets.loader import train_loader
from pifpaf_core.datasets.options import LoaderOptions
from pifpaf_core.encoders import EncoderOptions
from pifpaf_core.predictor import Times
from pifpaf_core.transforms.sample import ImageMeta


@pytest.fixture
def eight(repository, s3):
    """``eight(kind)``: the eight photographs as options, on this machine or in the store."""
    folder = repository / 'examples' / 'coco-eight'
    store = open_store(f'{s3}/coco')
    for path in folder.rglob('*'):
        if path.is_file():
            store.put(path, path.relative_to(folder).as_posix())

    def options(where):
        top = f'{s3}/coco' if where == 's3' else str(folder)
        files = {
            'annotations': f'{top}/annotations/person_keypoints_val2017.json',
            'image_dir': f'{top}/images/val2017',
        }
        return {f'{split}_{name}': value for split in ('train', 'val') for name, value in files.items()}

    return options


def batches(options, cache, *, workers, epoch):
    loader = LoaderOptions(batch_size=4, loader_workers=workers, data_cache=str(cache), data_cache_size='1G')
    values = CocoKp.Options(square_edge=65, **options)
    modules = selection.build('cocokp', options={'cocokp': values}, loader=loader)
    metas = [meta.bound(i, 16) for i, meta in enumerate(modules[0].head_metas)]
    found = train_loader(modules, metas, encoder=EncoderOptions())
    try:
        return [batch for number in range(epoch + 1) for batch in found.epoch(number)][-2:]
    finally:
        found.close()


@pytest.mark.parametrize('workers', [0, 2])
def test_images_from_the_store_are_the_same_and_a_second_time_they_come_from_here(eight, s3, tmp_path, workers):
    expected = batches(eight('local'), tmp_path / 'none', workers=0, epoch=1)
    assert not (tmp_path / 'none').exists(), 'no cache for what is here'
    batches(eight('s3'), tmp_path / 'cache', workers=workers, epoch=0)
    gone = open_store(f'{s3}/coco/images')
    before = dict(gone.list())
    loaded = batches(eight('s3'), tmp_path / 'cache', workers=workers, epoch=1)
    for batch, other in zip(loaded, expected, strict=True):
        assert torch.equal(batch.images, other.images)
        assert batch.problems == ()
    entries = [path for path in (tmp_path / 'cache').rglob('*') if path.is_file() and path.name != 'bytes']
    assert len(entries) == len(before) == 8


def test_the_second_epoch_asks_the_store_for_nothing(eight, s3, tmp_path):
    loader = LoaderOptions(batch_size=4, loader_workers=2, data_cache=str(tmp_path / 'cache'))
    values = CocoKp.Options(square_edge=65, **eight('s3'))
    modules = selection.build('cocokp', options={'cocokp': values}, loader=loader)
    metas = [meta.bound(i, 16) for i, meta in enumerate(modules[0].head_metas)]
    found = train_loader(modules, metas, encoder=EncoderOptions())
    try:
        list(found.epoch(0))
        store = open_store(f'{s3}/coco/images')
        for key, _ in list(store.list()):
            store.delete(key)
        assert [batch.problems for batch in found.epoch(1)] == [(), ()]
    finally:
        found.close()


def test_train_and_evaluate_by_address(eight, s3, tmp_path, capsys):
    flags = [f'--cocokp-{name.replace("_", "-")}={value}' for name, value in eight('s3').items()]
    flags += ['--dataset=cocokp', '--loader-workers=0', f'--data-cache={tmp_path}/cache', '--disable-cuda']
    size = ['--basenet=tiny', '--square-edge=49', '--batch-size=4', '--train-batches=1', '--val-batches=1']
    assert train.main([*flags, *size, '--epochs=1', f'--output={tmp_path}/net']) == 0
    open_store(s3).put(tmp_path / 'net.epoch001.safetensors', 'net.epoch001.safetensors')
    address = f'{s3}/net.epoch001.safetensors'
    small = ['--coco-eval-long-edge=97', f'--output={tmp_path}/results/']
    assert evaluate.main([f'--checkpoint={address}', *flags, *small, '--quiet']) == 0
    assert (tmp_path / 'results' / 'net.epoch001.safetensors.eval-cocokp.stats.json').exists()


def test_images_to_predict_are_those_directly_below_a_prefix(eight, s3, tmp_path, monkeypatch, capsys):
    eight('s3')
    for prefix in ('coco/images/val2017', 'coco/images/val2017/'):
        found = list(predict.image_paths([f'{s3}/{prefix}'], None))
        assert len(found) == 8 and found == sorted(found)
        assert all(path.startswith(f'{s3}/coco/images/val2017/') for path in found)
    assert list(predict.image_paths([found[0]], None)) == [found[0]]
    seen = []
    monkeypatch.setattr(predict, '_predictor', lambda _: Fake(seen))
    argv = ['--checkpoint=x', f'{s3}/coco/images/val2017']
    assert predict.main([*argv, f'--json-output={tmp_path}/']) == 0
    assert seen == found
    assert {path.name for path in tmp_path.iterdir()} == {
        f'{path.rpartition("/")[2]}.predictions.json' for path in found
    }


class Fake:
    """A predictor that finds nobody, in images that it has read."""

    times = Times()

    def __init__(self, seen):
        self._seen = seen

    def predict_files(self, paths, **_):
        for path in paths:
            height, width, _channels = read_image(path).shape
            self._seen.append(path)
            size = (width, height)
            yield [], ImageMeta(0, path, '', size, size, np.eye(3), np.array([0.0, 0.0, *size]))


@pytest.mark.parametrize(
    ('argv', 'code', 'message'),
    [
        (['{}/coco/images'], 1, "'{}/coco/images' holds no image. Name image files"),
        (['{}/nothing/here/'], 1, "'{}/nothing/here/' holds no image. Name image files"),
        (['{}/film.mp4'], 1, "'{}/film.mp4' is a video in a store, and only images are read there. Fetch it"),
        (['s3://not-there-at-all/images'], 1, 'Create the bucket or correct the URI'),
        (['{}/a.jpg', '--json-output'], 2, 'beside it nothing is written. Name a folder of this machine'),
        (['{}/a.jpg', '-o'], 2, 'beside it nothing is written. Name a folder of this machine'),
    ],
)
def test_a_store_without_images_to_predict(eight, s3, argv, code, message, capsys):
    eight('s3')
    assert predict.main(['--checkpoint=x', *(word.replace('{}', s3) for word in argv)]) == code
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith('pifpaf')]
    assert message.replace('{}', s3) in line


def test_what_is_wrong_is_said_with_the_address(s3, tmp_path, capsys):
    open_store(s3).write('bad.safetensors', b'x' * 100)
    with pytest.raises(ValueError, match=f'checkpoint {s3}/bad.safetensors is no safetensors file'):
        checkpoint.load(f'{s3}/bad.safetensors')
    with pytest.raises(FileNotFoundError, match=f'{s3}/none.safetensors does not exist'):
        checkpoint.load(f'{s3}/none.safetensors')
    place = ['--dataset=cocokp', '--basenet=tiny', '--epochs=1', f'--output={tmp_path}/net', '--disable-cuda']
    assert train.main([*place, f'--cocokp-train-annotations={s3}/none.json']) == 1
    assert f'{s3}/none.json is missing' in capsys.readouterr().err
