import hashlib

import pytest

from components.train.uploads import Uploads


@pytest.fixture
def output(tmp_path):
    (tmp_path / 'work').mkdir()
    return tmp_path / 'work' / 'net[1]-cocokp'  # brackets, as in a pattern


def save_state(output, text, *, digest=None):
    path = output.with_name(f'{output.name}.state.pt')
    path.unlink(missing_ok=True)
    path.write_text(text)
    digest = digest or hashlib.sha256(text.encode()).hexdigest()
    output.with_name(f'{output.name}.state.pt.sha256').write_text(f'{digest}  name\n')


def states(run):
    return [key for key, _ in run.store.list('state/') if key.endswith('manifest.json')]


def test_what_was_removed_from_the_store_does_not_come_back(run, output):
    output.with_name(f'{output.name}.epoch005.safetensors').write_text('w')
    Uploads(run, output, 1).step()
    run.remove_checkpoint(5)
    assert Uploads(run, output, 2).step() == []
    assert run.epochs() == []


def test_checkpoints_go_up_once(run, output):
    uploads = Uploads(run, output, 1)
    output.with_name(f'{output.name}.epoch005.safetensors').write_text('w')
    output.with_name(f'.{output.name}.epoch006.safetensors.x.part').write_text('half')
    output.with_name(f'{output.name}-0123abcd.safetensors').write_text('final copy')
    assert uploads.step() == [5]
    assert uploads.step() == []
    assert run.epochs() == [5]
    assert Uploads(run, output, 2).step() == []


def test_states_that_follow_fast_are_not_all_taken_but_the_last_is(run, output):
    uploads = Uploads(run, output, 1, state_interval=1000.0)
    for number in range(3):
        save_state(output, f'state {number}')
        uploads.step()
    assert states(run) == ['state/a0001-g00001/manifest.json']
    uploads.step(last=True)
    assert states(run) == ['state/a0001-g00002/manifest.json']
    uploads.step(last=True)
    assert states(run) == ['state/a0001-g00002/manifest.json'], 'nothing new'


def test_a_state_without_its_digest_waits(run, output):
    uploads = Uploads(run, output, 1, state_interval=0.0)
    save_state(output, 'new', digest='0' * 64)
    uploads.step()
    assert states(run) == []
    save_state(output, 'new')
    uploads.step()
    assert len(states(run)) == 1


def test_restoring_brings_state_digest_log_and_offset(run, output, tmp_path):
    save_state(output, 'state')
    output.with_name(f'{output.name}.log').write_text('line\n')
    output.with_name(f'{output.name}.log.offset').write_text('5')
    Uploads(run, output, 1).step()
    other = tmp_path / 'elsewhere' / 'net-cocokp'
    other.parent.mkdir()
    assert Uploads(run, other, 2).restore()
    assert sorted(path.name for path in other.parent.iterdir()) == [
        'net-cocokp.log', 'net-cocokp.log.offset', 'net-cocokp.state.pt', 'net-cocokp.state.pt.sha256'
    ]  # fmt: skip
    assert other.with_name('net-cocokp.state.pt').read_text() == 'state'


def test_without_a_state_there_is_nothing_to_restore(run, output):
    assert not Uploads(run, output, 1).restore()
