"""Archives: tensors out of blocks, and archives that lie."""

import pickle
import zipfile

import numpy as np
import pytest
import torch

from pifpaf_core.openpifpaf.archive import Archive, is_archive, plain
from pifpaf_core.openpifpaf.stand_ins import StandIn, Storage


def _saved(tmp_path, content):
    torch.save(content, tmp_path / 'x.pkl')
    return Archive(tmp_path / 'x.pkl')


@pytest.mark.parametrize(
    'dtype', [torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.uint8, torch.bool]
)
def test_tensors_of_every_kind(tmp_path, dtype):
    tensor = torch.arange(6).reshape(2, 3).to(dtype)
    archive = _saved(tmp_path, {'t': tensor})
    assert torch.equal(archive.tensor(archive.content['t']), tensor)


def test_views_parameters_scalars_and_empty_ones(tmp_path):
    base = torch.arange(24.0).reshape(4, 6)
    tensors = [base[1:, ::2], base.t(), torch.nn.Parameter(base.clone()), torch.tensor(3.5), torch.zeros(0, 3)]
    archive = _saved(tmp_path, tensors)
    for stand_in, tensor in zip(archive.content, tensors, strict=True):
        assert torch.equal(archive.tensor(stand_in), tensor)


def _view(length=6, offset=0, size=(2, 3), stride=(3, 1), key='0', kind='FloatStorage'):
    stand_in = type('StandIn', (StandIn,), {'label': 'torch._utils._rebuild_tensor_v2'})
    return stand_in(Storage(kind, key, length), offset, size, stride, False, {})


@pytest.mark.parametrize(
    'lie',
    [
        {'length': 10**12},
        {'length': -6},
        {'length': 5},
        {'key': '1'},
        {'key': '../data.pkl'},
        {'kind': 'DoubleStorage'},
        {'kind': 'QInt8Storage'},
        {'offset': 1},
        {'offset': -1},
        {'size': (3, 3)},
        {'size': (10**9, 10**9), 'stride': (0, 0)},
        {'size': (2, -3)},
        {'size': (2,)},
        {'size': (2, 3), 'stride': (4, 1)},
        {'size': (2, 3), 'stride': (-1, 1)},
        {'size': 6, 'stride': 1},
    ],
)
def test_a_tensor_that_lies_about_its_numbers(tmp_path, lie):
    archive = _saved(tmp_path, torch.arange(6.0))
    assert archive.tensor(_view()).shape == (2, 3)
    with pytest.raises(ValueError, match=r'block|shape|not supported'):
        archive.tensor(_view(**lie))


def test_what_is_no_tensor(tmp_path):
    with pytest.raises(ValueError, match='no tensor where weights should be'):
        _saved(tmp_path, 1).tensor({'weight': 1})


def _zip(path, compression=zipfile.ZIP_STORED, **entries):
    with zipfile.ZipFile(path, 'w', compression) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return path


def test_compressed_entries_are_refused(tmp_path):
    path = _zip(tmp_path / 'x', zipfile.ZIP_DEFLATED, **{'x/data.pkl': bytes(10**6)})
    with pytest.raises(ValueError, match='is compressed, which torch never does'):
        Archive(path)


@pytest.mark.parametrize('entries', [{'readme.txt': b'x'}, {'a/data.pkl': b'N.', 'b/data.pkl': b'N.'}])
def test_other_zips_are_refused(tmp_path, entries):
    with pytest.raises(ValueError, match='it is a zip archive but not one of torch'):
        Archive(_zip(tmp_path / 'x', **entries))


def test_another_byte_order_is_refused(tmp_path):
    entries = {'x/data.pkl': pickle.dumps(1, 2), 'x/byteorder': b'middle'}
    with pytest.raises(ValueError, match='another byte order'):
        Archive(_zip(tmp_path / 'x', **entries))


@pytest.mark.parametrize('keep', [0.99, 0.5, 0.1])
def test_a_truncated_file(tmp_path, keep):
    torch.save({'t': torch.zeros(1000)}, tmp_path / 'x')
    data = (tmp_path / 'x').read_bytes()
    (tmp_path / 'x').write_bytes(data[: int(keep * len(data))])
    assert is_archive(tmp_path / 'x')
    with pytest.raises(ValueError, match='it is cut short or damaged'):
        Archive(tmp_path / 'x')


def test_a_changed_bit(tmp_path):
    torch.save({'t': torch.zeros(1000)}, tmp_path / 'x')
    data = bytearray((tmp_path / 'x').read_bytes())
    data[data.index(bytes(1000)) + 500] ^= 1
    (tmp_path / 'x').write_bytes(data)
    with pytest.raises(ValueError, match='it is cut short or damaged'):
        Archive(tmp_path / 'x')


def test_plain_data(tmp_path):
    content = {
        'array': np.arange(6.0).reshape(2, 3), 'fortran': np.asfortranarray(np.arange(6).reshape(2, 3)),
        'number': np.float64(1.5), 'device': torch.device('cpu'), 'nested': [(1, None, True)], 'set': {2}, 3: 'key',
        'odd': torch.nn.ReLU(),
    }  # fmt: skip
    assert plain(_saved(tmp_path, content).content) == {
        'array': [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]], 'fortran': [[0, 1, 2], [3, 4, 5]], 'number': 1.5,
        'device': 'cpu', 'nested': [[1, None, True]], 'set': [2], '3': 'key', 'odd': None,
    }  # fmt: skip


def test_arrays_of_objects_and_lists_of_lists_without_end_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r'array of objects|no checkpoint needs'):
        plain(_saved(tmp_path, np.array([{}], dtype=object)).content)
    doubling = []
    for _ in range(40):
        doubling = [doubling, doubling]
    with pytest.raises(ValueError, match='too much besides weights'):
        plain(_saved(tmp_path, doubling).content)
