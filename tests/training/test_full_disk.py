"""A disk that is really full for an epoch: the training goes on, says so, and nothing that was saved is damaged."""

import subprocess

import fake_training as fake
import pytest

from pifpaf_core import checkpoint


@pytest.fixture
def small_disk(tmp_path):
    """A file system of its own with a few megabytes."""
    place = tmp_path / 'disk'
    place.mkdir()
    done = subprocess.run(
        ['mount', '-t', 'tmpfs', '-o', 'size=24m', 'tmpfs', str(place)], capture_output=True, text=True
    )
    if done.returncode:
        pytest.skip(f'no file system can be mounted here: {done.stderr.strip()}')
    yield place
    subprocess.run(['umount', '--lazy', str(place)], check=True)


def fill(path):
    with path.open('wb', buffering=0) as file:
        try:
            while file.write(b'x' * 4096):
                pass
        except OSError:
            return


def test_a_full_disk_is_loud_damages_nothing_and_passes(small_disk, caplog):
    trainer = fake.make_trainer(small_disk / 'run', epochs=3)
    filler, batch = small_disk / 'filler', trainer.train.batch

    def disturbed(epoch, index):
        if index == 0 and epoch == 1:
            fill(filler)
        if index == 0 and epoch == 2:
            assert trainer.saving.files.load()['epoch'] == 0  # the state of the first epoch is whole
            filler.unlink()
        return batch(epoch, index)

    trainer.train.batch = disturbed
    trainer.fit()
    told = [record.message for record in caplog.records if 'NOT SAVED' in record.message]
    assert [text.partition(' IS')[0] for text in told] == ['THE STATE', 'THE CHECKPOINT']
    assert all('No space left' in text for text in told)
    left = sorted(path.name for path in small_disk.iterdir() if '.epoch' in path.name)
    assert left == [f'run.epoch00{epoch}.safetensors' for epoch in (0, 1, 3)]
    assert [checkpoint.load(small_disk / name).epoch for name in left] == [0, 1, 3]
    assert trainer.saving.files.load()['epoch'] == 3
    assert not list(small_disk.glob('.*'))
