import logging
import os
import pickle
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from pifpaf_core.datasets.cocokp import CocoKp
from pifpaf_core.datasets.loader import train_loader, val_loader
from pifpaf_core.datasets.options import LoaderOptions
from pifpaf_core.datasets.plan import Share


class OtherKp(CocoKp):
    """A second data set."""

    name = 'otherkp'


def modules_of(*folders, loader=None, **options):
    names = '-'.join(['cocokp', 'otherkp'][: len(folders)])
    shared = LoaderOptions(**{'dataset': names, 'batch_size': 2, 'loader_workers': 0, **(loader or {})})
    return [cls(folder.options(**options), shared) for cls, folder in zip((CocoKp, OtherKp), folders, strict=False)]


def bound(modules):
    metas = [meta for module in modules for meta in module.head_metas]
    return [meta.bound(i, 16) for i, meta in enumerate(metas)]


@pytest.fixture
def make_loader(encoder):
    """Makes loaders and closes them."""
    loaders = []

    def make(*folders, share=None, make=train_loader, loader=None, **options):
        modules = modules_of(*folders, loader=loader, **options)
        loaders.append(make(modules, bound(modules), encoder=encoder, share=share))
        return loaders[-1]

    yield make
    for loader in loaders:
        loader.close()


def image_ids(batches):
    return [meta.image_id for batch in batches for meta in batch.metas]


def assert_same(first, second):
    assert len(first) == len(second)
    for a, b in zip(first, second, strict=True):
        assert torch.equal(a.images, b.images)
        assert all(torch.equal(t.nan_to_num(-9), u.nan_to_num(-9)) for t, u in zip(a.targets, b.targets, strict=True))


def test_batches(folder, make_loader):
    loader = make_loader(folder)
    assert len(loader) == 2
    batches = list(loader.epoch(0))
    assert sorted(image_ids(batches)) == [1, 2, 3, 4]
    batch = batches[0]
    assert batch.images.shape == (2, 3, 65, 65)
    assert batch.images.dtype == torch.uint8
    assert batch.images.is_contiguous(memory_format=torch.channels_last)
    assert [tuple(target.shape) for target in batch.targets] == [(2, 17, 5, 5, 5), (2, 19, 9, 5, 5)]
    assert {target.dtype for target in batch.targets} == {torch.float32}
    assert (batch.dataset, batch.problems) == ('cocokp', ())


def test_workers_change_nothing(make_folder, make_loader):
    folder = make_folder(9)
    alone, together = make_loader(folder), make_loader(folder, loader={'loader_workers': 2})
    for epoch in (3, 0):
        assert_same(list(alone.epoch(epoch)), list(together.epoch(epoch)))


def test_an_epoch_can_be_resumed(make_folder, make_loader):
    loader = make_loader(make_folder(9), loader={'loader_workers': 1})
    whole = list(loader.epoch(1))
    assert_same(whole[2:], list(loader.epoch(1, start=2)))
    assert list(loader.epoch(1, start=4)) == []


def test_an_epoch_can_be_left(make_folder, make_loader):
    loader = make_loader(make_folder(9), loader={'loader_workers': 2})
    next(iter(loader.epoch(0)))
    assert_same(list(make_loader(make_folder(9, 'again')).epoch(1)), list(loader.epoch(1)))


def test_epochs_differ(folder, make_loader):
    loader = make_loader(folder)
    first, second = (torch.cat([batch.images for batch in loader.epoch(epoch)]) for epoch in (0, 1))
    assert not torch.equal(first, second)


def test_without_augmentation_the_order_is_fixed(folder, make_loader):
    loader = make_loader(folder, augmentation=False)
    for epoch in (0, 1):
        assert image_ids(loader.epoch(epoch)) == [1, 2, 3, 4]


def test_validation_data(folder, make_folder, make_loader):
    other = make_folder(2, 'val')
    loader = make_loader(folder, make=val_loader, val_annotations=other.annotations, val_image_dir=other.images)
    assert len(loader) == 1


def test_processes_share_the_data(make_folder, make_loader):
    folder = make_folder(9)
    parts = [image_ids(make_loader(folder, share=Share(rank, 2)).epoch(0)) for rank in range(2)]
    assert [len(part) for part in parts] == [4, 4]
    assert not set(parts[0]) & set(parts[1])


def test_batch_size_larger_than_the_data(folder, make_loader):
    with pytest.raises(ValueError, match=r'cocokp-train has 4 images .* Lower --batch-size'):
        make_loader(folder, loader={'batch_size': 5})


def test_two_data_sets(make_folder, make_loader):
    loader = make_loader(make_folder(8), make_folder(20, 'more'), loader={'dataset_weights': (1.0, 0.5)})
    batches = list(loader.epoch(0))
    assert [batch.dataset for batch in batches] == ['cocokp', 'otherkp', 'cocokp', 'cocokp', 'otherkp', 'cocokp']
    for batch in batches:
        has_data = [target is not None for target in batch.targets]
        assert has_data == ([True, True, False, False] if batch.dataset == 'cocokp' else [False, False, True, True])


def damaged(folder, *numbers):
    """Cut image files in half."""
    for number in numbers:
        path = Path(folder.images, f'{number:03d}.jpg')
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return folder


def many(make_folder, n):
    """A folder of ``n`` images of the same content."""
    folder = make_folder(1)
    for number in range(2, n + 1):
        shutil.copy(f'{folder.images}/001.jpg', f'{folder.images}/{number:03d}.jpg')
        folder.document['images'].append({'id': number, 'file_name': f'{number:03d}.jpg', 'width': 96, 'height': 64})
        folder.add_person(number)
    return folder.save()


@pytest.mark.parametrize('workers', [0, 2])
def test_a_damaged_image_is_replaced_and_reported(make_folder, make_loader, caplog, workers):
    folder = damaged(many(make_folder, 130), 77)
    loader = make_loader(folder, augmentation=False, loader={'batch_size': 10, 'loader_workers': workers})
    with caplog.at_level(logging.WARNING):
        batches = list(loader.epoch(0))
    assert image_ids(batches)[76] == 78
    assert [len(batch.problems) for batch in batches] == [0] * 7 + [1] + [0] * 5
    assert '077.jpg' in caplog.messages[0]
    assert caplog.messages[-1] == '1 images could not be used in epoch 0'


@pytest.mark.parametrize('workers', [0, 2])
def test_too_many_damaged_images_are_an_error(make_folder, make_loader, workers):
    folder = damaged(many(make_folder, 130), 3, 4)
    loader = make_loader(folder, augmentation=False, loader={'batch_size': 10, 'loader_workers': workers})
    with pytest.raises(
        ValueError, match=r"2 images of epoch 0 cannot be used: image '.*004\.jpg'.*Fetch it again"
    ) as caught:
        list(loader.epoch(0))
    assert '\n' not in str(caught.value)


@pytest.mark.parametrize('workers', [0, 1])
def test_nothing_but_damaged_images(folder, make_loader, workers):
    loader = make_loader(folder, loader={'loader_workers': workers})
    damaged(folder, 1, 2, 3, 4)
    with pytest.raises(ValueError, match='4 images in a row cannot be used: ') as caught:
        list(loader.epoch(0))
    assert '\n' not in str(caught.value)


def test_a_damaged_image_of_a_small_data_set_is_found_before_training(folder, make_loader):
    with pytest.raises(OSError, match=r"002\.jpg' is empty or truncated"):
        make_loader(damaged(folder, 2))


def test_log_says_what_is_loaded(folder, make_loader, caplog):
    with caplog.at_level(logging.INFO):
        make_loader(folder, loader={'seed': 5})
    expected = 'data: cocokp-train 4 images; seed 5, batch size 2, 0 loader workers (--loader-workers)'
    assert expected in caplog.messages


def test_close_ends_the_workers(folder, make_loader):
    loader = make_loader(folder, loader={'loader_workers': 2})
    list(loader.epoch(0))
    workers = loader._loader._iterator._workers
    loader.close()
    loader.close()
    assert not any(worker.is_alive() for worker in workers)


def test_sources_can_go_to_spawned_workers(folder, encoder):
    modules = modules_of(folder)
    source = modules[0].train_source(bound(modules), encoder)
    assert (pickle.loads(pickle.dumps(source)).sample(1, 2).image == source.sample(1, 2).image).all()


FORGETFUL = """
import sys, weakref
weakref.finalize(sys, len, ())  # so that finalizers of weakref run after those of multiprocessing
import numpy as np
from pifpaf_core.datasets.loader import BatchLoader
from pifpaf_core.transforms import Preprocess

class Black:
    name, shuffled = 'black', False
    def __len__(self):
        return 8
    def sample(self, epoch, index):
        return Preprocess()(np.zeros((17, 17, 3), np.uint8))
    def prefetch(self, indices):
        pass

    def targets(self, sample):
        return []

loader = BatchLoader([Black()], batch_size=2, workers=2)
next(iter(loader.epoch(0)))
print('read')
"""


def test_a_program_that_forgets_to_close_ends():
    """Although workers do not listen to SIGTERM."""
    done = subprocess.run(
        [sys.executable, '-c', FORGETFUL], capture_output=True, text=True, timeout=120, check=False, env=os.environ
    )
    assert (done.returncode, done.stdout) == (0, 'read\n'), done.stderr


def test_workers_leave_signals_to_the_main_process(folder, make_loader):
    loader = make_loader(folder, loader={'loader_workers': 1})
    batches = loader.epoch(0)
    next(batches)
    worker = loader._loader._iterator._workers[0]
    os.kill(worker.pid, signal.SIGTERM)
    os.kill(worker.pid, signal.SIGINT)
    assert len(list(batches)) == 1
    assert len(list(loader.epoch(1))) == 2
