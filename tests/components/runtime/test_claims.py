import pytest

from components.runtime.claims import ClaimLostError, Claims
from components.runtime.store import open_store, read_object


@pytest.fixture
def store(root):
    return open_store(root)


@pytest.fixture
def now(monkeypatch):
    """A clock that only a test moves: ``now[0] += 60``."""
    clock = [1000.0]
    monkeypatch.setattr('components.runtime.claims.time.monotonic', lambda: clock[0])
    return clock


@pytest.fixture
def claims(store):
    """``claims('a')``: as evaluator a sees them."""
    return lambda owner: Claims(store, owner, expires=60.0)


def test_one_evaluator_gets_an_epoch(claims):
    assert claims('a').take(5) == 'eval/e0005.claim'
    assert claims('b').take(5) is None
    assert claims('b').take(6) == 'eval/e0006.claim'
    assert claims('b').is_taken(5)
    assert not claims('b').is_taken(7)


def test_a_released_claim_is_free(claims):
    claims('a').release(claims('a').take(5))
    assert claims('b').take(5) == 'eval/e0005.claim'


def test_the_claim_of_a_dead_evaluator_is_succeeded(claims, store, now):
    a, b, c = claims('a'), claims('b'), claims('c')
    claim = a.take(5)
    assert b.take(5) is None
    now[0] += 50
    a.renew(5, claim)
    assert b.take(5) is None
    now[0] += 50
    assert b.take(5) is None, 'renewed 50 seconds ago'
    now[0] += 20
    assert b.take(5) == 'eval/e0005.claim2'
    assert c.take(5) is None
    now[0] += 100
    assert c.take(5) == 'eval/e0005.claim3'
    assert read_object(store, 'eval/e0005.claim3')['owner'] == 'c'


def test_an_evaluator_that_was_thought_dead_learns_it(claims, now):
    a, b = claims('a'), claims('b')
    claim = a.take(5)
    b.take(5)
    now[0] += 100
    assert b.take(5) == 'eval/e0005.claim2'
    with pytest.raises(ClaimLostError, match='another evaluator has taken over epoch 5'):
        a.renew(5, claim)


def test_clocks_of_two_machines_need_not_agree(claims, monkeypatch):
    claims('a').take(5)
    monkeypatch.setattr('components.runtime.claims.time.time', lambda: 4e9)
    b = claims('b')
    assert [b.take(5) for _ in range(3)] == [None] * 3
