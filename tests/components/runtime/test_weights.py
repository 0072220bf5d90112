import pytest

from components.runtime import weights
from components.runtime.run_folder import RunFolder
from components.runtime.store import open_store


def test_a_committed_checkpoint_is_checked(root, tmp_path):
    run = RunFolder(root, 'r1')
    (tmp_path / 'w').write_text('weights')
    run.commit_checkpoint(5, tmp_path / 'w')
    assert weights.bring(run.checkpoint_uri(5), tmp_path / 'there').read_text() == 'weights'
    run.store.write('checkpoints/e0005/weights.safetensors', b'weightz')
    with pytest.raises(OSError, match='is not what was committed'):
        weights.bring(run.checkpoint_uri(5), tmp_path / 'again')


def test_a_file_that_nobody_committed_will_do(root, tmp_path):
    store = open_store(root)
    store.write('mine.safetensors', b'weights')
    assert weights.bring(f'{store.uri}/mine.safetensors', tmp_path / 'there').read_text() == 'weights'


def test_an_absent_file(root, tmp_path):
    with pytest.raises(FileNotFoundError):
        weights.bring(f'{root}/none.safetensors', tmp_path / 'there')
