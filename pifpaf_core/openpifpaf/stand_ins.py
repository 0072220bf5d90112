"""Reading a pickle without running it: what it describes becomes plain containers and inert stand-ins."""

import io
import pickle
import pickletools
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, ClassVar

# What these packages define is only ever a label here. Whatever else a pickle names, it is no checkpoint's business.
_LABELS = ('torch', 'torchvision', 'numpy', 'openpifpaf', 'argparse', 'pathlib', '_codecs')
_CONTAINERS: dict[tuple[str, str], Any] = {
    ('collections', 'OrderedDict'): OrderedDict,
    ('__builtin__', 'set'): set,
    ('builtins', 'set'): set,
    ('__builtin__', 'frozenset'): frozenset,
    ('builtins', 'frozenset'): frozenset,
}


class StandIn:
    """An object that a pickle describes: nothing but a label, arguments and state. No method does anything.

    Attributes:
        label: qualified name of the class or function, e.g. ``torch.nn.modules.conv.Conv2d``.
        args: what it was to be called with.
        state: what its attributes were to be; {} if not said.
    """

    label: ClassVar[str]
    args: tuple[Any, ...]
    state: Any

    def __new__(cls, *args: Any, **_: Any) -> 'StandIn':
        """Note the arguments."""
        stand_in = super().__new__(cls)
        stand_in.args, stand_in.state = args, {}
        return stand_in

    def __init__(self, *args: Any, **_: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def __setitem__(self, key: Any, value: Any) -> None:
        """Ignore items, as of a defaultdict."""

    def get(self, name: str, default: Any = None) -> Any:
        """The attribute ``name``."""
        return self.state.get(name, default) if isinstance(self.state, dict) else default

    @property
    def kind(self) -> str:
        """The last part of the label: name of the class or function."""
        return self.label.rpartition('.')[2]


@dataclass(frozen=True)
class Storage:
    """A block of numbers that lies beside the pickle.

    Attributes:
        kind: name of torch's storage class, e.g. ``FloatStorage``.
        key: name of the block.
        length: how many numbers the pickle claims there are.
    """

    kind: str
    key: str
    length: int


def read_pickle(data: bytes) -> Any:
    """What the pickle in ``data`` describes.

    Raises:
        ValueError: a name that no checkpoint needs, or no pickle.
    """
    _check_opcodes(data)
    try:
        return _Unpickler(io.BytesIO(data)).load()
    except _RefusedError:
        raise
    except Exception as error:  # whatever a damaged or hostile one provokes in the stand-ins
        raise ValueError(f'its pickle is damaged: {type(error).__name__}: {error}') from error


class _RefusedError(ValueError):
    """The pickle asks for something that no checkpoint needs."""


class _Unpickler(pickle.Unpickler):
    """Finds no class but containers of the standard library and stand-ins."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in _CONTAINERS:
            return _CONTAINERS[module, name]
        package = module.partition('.')[0]
        if package not in _LABELS and not package.startswith('openpifpaf_'):
            raise _RefusedError(f'its pickle names {module}.{name}, which no checkpoint needs, and may be an attack')
        return type('StandIn', (StandIn,), {'label': f'{module}.{name}'})

    def persistent_load(self, pid: Any) -> Storage:
        match pid:
            case ('storage', type() as kind, str() as key, str(), int() as length) if issubclass(kind, StandIn):
                return Storage(kind.label.rpartition('.')[2], key, length)
        raise _RefusedError('its pickle refers to something that is no tensor storage')


def _check_opcodes(data: bytes) -> None:
    """Refuse a pickle that asks for memory out of proportion: the C unpickler allocates before it looks."""
    try:
        for opcode, argument, _ in pickletools.genops(data):  # this checks every length against what is there
            if 'PUT' in opcode.name and isinstance(argument, int) and argument > len(data):
                raise ValueError(f'memo index {argument}')
    except Exception as error:
        raise ValueError(f'its pickle is damaged: {error}') from error
