"""The zip archive that ``torch.save`` writes: one pickle, and one entry for each block of numbers."""

import itertools
import math
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .stand_ins import StandIn, Storage, read_pickle

_MANY_ITEMS = 200_000
_MAGIC = b'PK\x03\x04'
_STORAGES = {
    'DoubleStorage': torch.float64,
    'FloatStorage': torch.float32,
    'HalfStorage': torch.float16,
    'BFloat16Storage': torch.bfloat16,
    'LongStorage': torch.int64,
    'IntStorage': torch.int32,
    'ShortStorage': torch.int16,
    'CharStorage': torch.int8,
    'ByteStorage': torch.uint8,
    'BoolStorage': torch.bool,
}
_NUMPY_KINDS = {'f2', 'f4', 'f8', 'i1', 'i2', 'i4', 'i8', 'u1', 'u2', 'u4', 'u8', 'b1'}


def is_archive(path: Path) -> bool:
    """Whether the file begins as a zip archive does."""
    with path.open('rb') as file:
        return file.read(len(_MAGIC)) == _MAGIC


class Archive:
    """An archive, read but not run.

    Attributes:
        content: what its pickle describes, in containers and stand-ins.

    Raises:
        ValueError: no such archive, a damaged one, or a pickle that names what no checkpoint needs.
    """

    def __init__(self, path: Path) -> None:
        try:
            with zipfile.ZipFile(path) as archive:
                root = _checked_root(archive)
                self.content = read_pickle(archive.read(f'{root}/data.pkl'))
                prefix = f'{root}/data/'
                names = [name for name in archive.namelist() if name.startswith(prefix)]
                self._blocks = {name.removeprefix(prefix): bytearray(archive.read(name)) for name in names}
        except (zipfile.BadZipFile, EOFError, NotImplementedError) as error:
            raise ValueError(f'it is cut short or damaged: {error}') from error

    def tensor(self, value: Any) -> Tensor:
        """The tensor or parameter that a stand-in describes; several may share their numbers.

        Raises:
            ValueError: the stand-in describes something else, or a tensor larger than its numbers.
        """
        match value:
            case StandIn(kind='_rebuild_parameter' | '_rebuild_parameter_with_state', args=(inner, *_)):
                return self.tensor(inner)
            case StandIn(
                kind='_rebuild_tensor_v2' | '_rebuild_tensor', args=(Storage() as storage, int() as offset, *view)
            ):
                return self._view(storage, offset, *view[:2])
        raise ValueError('it holds something that is no tensor where weights should be')

    def _view(self, storage: Storage, offset: int, size: Sequence[int], strides: Sequence[int]) -> Tensor:
        if storage.kind not in _STORAGES:
            raise ValueError(f'its weights are kept in a {storage.kind}, which is not supported')
        block, dtype = self._blocks.get(storage.key, bytearray()), _STORAGES[storage.kind]
        if storage.length < 0 or len(block) != storage.length * dtype.itemsize:
            raise ValueError(f'block {storage.key} has {len(block)} bytes and not {storage.length} numbers')
        natural = isinstance(size, tuple) and isinstance(strides, tuple) and len(size) == len(strides)
        if not natural or offset < 0 or any(not isinstance(n, int) or n < 0 for n in (*size, *strides)):
            raise ValueError('it holds a tensor of impossible shape')
        last = offset + sum((n - 1) * stride for n, stride in zip(size, strides, strict=True))
        if (0 not in size and last >= storage.length) or math.prod(size) > storage.length:
            raise ValueError(f'a tensor of shape {list(size)} does not fit into block {storage.key}')
        if math.prod(size) == 0:
            return torch.zeros(size, dtype=dtype)
        return torch.frombuffer(block, dtype=dtype).as_strided(size, strides, offset)


def plain(value: Any) -> Any:
    """JSON data out of containers and stand-ins: numpy's arrays become lists; what cannot be said becomes None.

    Raises:
        ValueError: an array of objects, or more items than a checkpoint has: a small pickle can describe huge lists.
    """
    items = itertools.count()

    def convert(value: Any) -> Any:
        if next(items) > _MANY_ITEMS:
            raise ValueError('it holds too much besides weights')
        match value:
            case None | bool() | int() | float() | str():
                return value
            case dict():
                return {str(key): convert(item) for key, item in value.items()}
            case list() | tuple() | set() | frozenset():
                return [convert(item) for item in value]
            case StandIn(kind='_reconstruct', state=(_, tuple() as shape, dtype, fortran, data)):
                return _numbers(dtype, data).reshape(shape, order='F' if fortran else 'C').tolist()
            case StandIn(kind='scalar', args=(dtype, data)):
                return _numbers(dtype, data).item()
            case StandIn(kind='device', args=(str() as name, *_)):
                return name
            case StandIn(kind='Namespace', state=dict() as attributes):
                return convert(attributes)
        return None

    return convert(value)


def _numbers(dtype: Any, data: Any) -> 'np.ndarray[Any, Any]':
    """[n] numbers of a numpy array that a stand-in describes."""
    match dtype:
        case StandIn(kind='dtype', args=(str() as code, *_), state=(_, '<' | '>' | '|' as order, *_)) if (
            code in _NUMPY_KINDS
        ):
            kind = np.dtype(order + code)
        case _:
            raise ValueError('it holds an array of objects, which is not supported')
    match data:
        case StandIn(kind='encode', args=(str() as text, 'latin1')):
            data = text.encode('latin1')
    if not isinstance(data, bytes):
        raise ValueError('it holds an array without numbers')
    return np.frombuffer(data, dtype=kind)


def _checked_root(archive: zipfile.ZipFile) -> str:
    """The folder that all entries are in. Entries must be stored as they are, so that none is larger than the file."""
    for entry in archive.infolist():
        if entry.compress_type != zipfile.ZIP_STORED or entry.file_size != entry.compress_size:
            raise ValueError(f'entry {entry.filename} is compressed, which torch never does')
    roots = [name.removesuffix('/data.pkl') for name in archive.namelist() if name.endswith('/data.pkl')]
    if len(roots) != 1:
        raise ValueError('it is a zip archive but not one of torch')
    order = f'{roots[0]}/byteorder'
    if order in archive.namelist() and archive.read(order).decode() != sys.byteorder:
        raise ValueError('it was written on a machine of another byte order')
    return roots[0]
