import json

import pytest

from pifpaf_core import checkpoint
from pifpaf_core.backbones import build
from pifpaf_core.openpifpaf import published


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    monkeypatch.setenv('TORCH_HOME', str(tmp_path))
    folder = tmp_path / 'hub' / 'checkpoints'
    folder.mkdir(parents=True)
    return folder


def test_addresses_are_those_that_the_ancestor_knows(shared):
    known = json.loads((shared / 'reference/checkpoints.json').read_text())
    named = {**published.ADDRESSES, **dict.fromkeys(published.UNPUBLISHED)}
    assert named == {name: address for name, address in known.items() if name not in published.TRACKING}


@pytest.mark.parametrize(('name', 'reason'), [('resnet18', 'never published'), ('tshufflenetv2k30', 'not supported')])
def test_what_cannot_be_had(name, reason):
    with pytest.raises(ValueError, match=f'{reason}.*Give one of .*shufflenetv2k16'):
        checkpoint.load(name)


def test_without_network_one_line_says_where_to_put_the_file(monkeypatch, cache):
    monkeypatch.setitem(published.ADDRESSES, 'shufflenetv2k30', 'http://127.0.0.1:9/k30.pkl')
    with pytest.raises(ValueError, match='could not be downloaded') as caught:
        checkpoint.load('shufflenetv2k30')
    assert str(caught.value).startswith('http://127.0.0.1:9/k30.pkl ')
    assert str(caught.value).endswith(f'Put the file at {cache}/k30.pkl')


def test_a_file_put_there_is_taken(pickled, box_head, cache):
    pickled(build('tiny'), [box_head(64)]).rename(cache / 'sk16_wholebody.pkl')
    assert checkpoint.load('shufflenetv2k16-wholebody').epoch == 7


def test_a_file_of_another_digest_is_refused(pickled, box_head, cache):
    name = published.ADDRESSES['resnet50'].rpartition('/')[2]
    pickled(build('tiny'), [box_head(64)]).rename(cache / name)
    with pytest.raises(ValueError, match='does not begin with ecd30da4'):
        checkpoint.load('resnet50')
