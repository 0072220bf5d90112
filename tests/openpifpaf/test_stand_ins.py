"""Hostile pickles run nothing."""

import os
import pickle
import struct

import pytest

from pifpaf_core.openpifpaf.stand_ins import StandIn, read_pickle


class _Reduce:
    """Pickles as a call of ``function(*args)``."""

    def __init__(self, function, *args):
        self.call = function, args

    def __reduce__(self):
        return self.call


def _global(module, name):
    """Opcodes that push a global, by protocol 4's STACK_GLOBAL, whose names may hold dots."""
    short = b''.join(b'\x8c' + bytes([len(text)]) + text.encode() for text in (module, name))
    return short + b'\x93'


def _call(module, name, argument):
    return b'\x80\x04' + _global(module, name) + b'\x8c' + bytes([len(argument)]) + argument.encode() + b'\x85R.'


@pytest.fixture
def mark(tmp_path):
    """A file that an attack would make."""
    path = tmp_path / 'attacked'
    yield path
    assert not path.exists()


@pytest.mark.parametrize('protocol', range(5))
def test_calls_of_the_operating_system_and_of_builtins_are_refused(mark, protocol):
    for hostile in (
        _Reduce(os.system, f'touch {mark}'),
        _Reduce(eval, f'open({str(mark)!r}, "w")'),
        _Reduce(exec, f'open({str(mark)!r}, "w")'),
        _Reduce(getattr, _Reduce(__import__, 'os'), 'system'),
        _Reduce(_Reduce(getattr, os, 'system') and getattr, str, 'format'),
        [1, {'deep': (_Reduce(os.mkdir, str(mark)),)}],
        _Reduce(print, _Reduce(os.system, f'touch {mark}')),
    ):
        try:
            data = pickle.dumps(hostile, protocol)
        except TypeError:  # a module cannot be pickled
            continue
        with pytest.raises(ValueError, match='which no checkpoint needs, and may be an attack'):
            read_pickle(data)


@pytest.mark.parametrize(
    ('module', 'name'),
    [
        ('os', 'system'), ('posix', 'system'), ('subprocess', 'call'), ('builtins', 'getattr'), ('builtins', 'list'),
        ('importlib', 'import_module'), ('copyreg', '_reconstructor'), ('operator', 'attrgetter'), ('pickle', 'loads'),
        ('collections', 'OrderedDict.__init__.__globals__'), ('builtins', 'set.__class__'), ('torchfake', 'x'),
        ('pifpaf_core.files', 'write_atomically'), ('functools', 'partial'),
    ],
)  # fmt: skip
def test_only_labels_of_known_packages(module, name):
    with pytest.raises(ValueError, match=f'names {module}.{name}, which no checkpoint needs'):
        read_pickle(_call(module, name, 'x'))


@pytest.mark.parametrize('name', ['hub.os.system', 'serialization.os.system', 'storage._load_from_bytes'])
def test_a_chain_through_a_known_package_is_a_label(mark, name):
    stand_in = read_pickle(_call('torch', name, f'touch {mark}'))
    assert isinstance(stand_in, StandIn)
    assert (stand_in.label, stand_in.args) == (f'torch.{name}', (f'touch {mark}',))


def test_state_cannot_change_a_stand_in_or_its_class():
    slots = b'}U\x09__class__ctorch\ny\nsU\x03getK\x01s'
    stand_in = read_pickle(b'\x80\x02ctorch\nx\n)\x81}' + slots + b'\x86b.')
    assert stand_in.label == 'torch.x'
    assert callable(stand_in.get)
    with pytest.raises(ValueError, match='damaged'):
        read_pickle(b'\x80\x02ctorch\nx\n}U\x08__call__K\x01sb.')


def test_extension_codes_and_other_persistent_things_are_refused():
    with pytest.raises(ValueError, match='damaged: ValueError: unregistered extension'):
        read_pickle(b'\x80\x02\x82\x01.')
    with pytest.raises(ValueError, match='no tensor storage'):
        read_pickle(b'\x80\x02U\x01xQ.')


@pytest.mark.parametrize(
    'data',
    [
        b'', b'\x80\x02', b'garbage', b'\x80\x02K\x01', b'.',
        b'\x80\x02Nr' + struct.pack('<I', 2**31) + b'.',  # memo of 16 GB
        b'\x80\x05\x96' + struct.pack('<Q', 2**40) + b'.',  # bytearray of 1 TB
        b'\x80\x02\x8b' + struct.pack('<i', 2**30) + b'.',  # integer of 1 GB
        b'\x80\x04\x95' + struct.pack('<Q', 2**40) + b'.',  # frame of 1 TB
        b'Np2147483648\n.',
    ],
)  # fmt: skip
def test_damaged_pickles_and_those_that_want_all_memory(data):
    with pytest.raises(ValueError, match='its pickle is damaged'):
        read_pickle(data)


def test_containers_are_real():
    assert read_pickle(pickle.dumps({'a': [1, (2.0, {3})], 'b': frozenset({4})}, 2)) == {
        'a': [1, (2.0, {3})], 'b': frozenset({4}),
    }  # fmt: skip
