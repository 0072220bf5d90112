"""Damage as it happens to files, and as somebody would do it on purpose; equal chance does equal damage."""

import copy
import json
import random
from typing import Any

ODD_VALUES = (
    *(None, True, -1, 0, 10**30, 1e308, -1e308, float('nan'), float('inf'), '', 'x', '../../x', '/etc/passwd', '\x00'),
    *([], {}, [[]], [None], {'a': None}, '9' * 5000, 'é\ud800'),
)


def bytes_of(content: bytes, chance: random.Random) -> bytes:
    """``content`` cut, flipped, blanked, doubled, swapped or replaced."""
    size = len(content)
    at = chance.randrange(size)
    length = min(chance.choice((1, 4, 64, 4096)), size - at)
    piece = content[at : at + length]
    return chance.choice(
        (
            lambda: content[:at],
            lambda: content[at:],
            lambda: content[:at] + bytes([content[at] ^ (1 << chance.randrange(8))]) + content[at + 1 :],
            lambda: content[:at] + bytes(length) + content[at + length :],
            lambda: content[:at] + piece * 3 + content[at + length :],
            lambda: content[:at] + content[at + length :],
            lambda: content[:at] + chance.randbytes(length) + content[at + length :],
            lambda: chance.randbytes(min(size, 2000)),
            lambda: b'',
        )
    )()


def json_of(document: Any, chance: random.Random) -> bytes:
    """``document`` with odd values, missing or doubled members somewhere; or text that is no JSON."""
    kind = chance.randrange(10)
    if kind == 0:
        return bytes_of(json.dumps(document).encode(), chance)
    if kind == 1:
        return chance.choice((b'[' * 50_000, b'{"a":' * 20_000, b'1', b'null', b'"x"', b'\xff\xfe{}', b'', b'{} {}'))
    damaged = copy.deepcopy(document)
    for _ in range(chance.randint(1, 3)):
        _change(damaged, chance)
    return json.dumps(damaged).encode()


def _change(document: Any, chance: random.Random) -> None:
    """Change one place of a document, deeper or less deep."""
    place = document
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        if not keys:
            return
        key = chance.choice(keys)
        child = place[key]
        if isinstance(child, dict | list) and child and chance.random() < 0.8:
            place = child
            continue
        if chance.random() < 0.3:
            del place[key]
        elif isinstance(place, list) and chance.random() < 0.3:
            place.append(copy.deepcopy(child))
        else:
            place[key] = copy.deepcopy(chance.choice(ODD_VALUES))
        return
