import pytest

from pifpaf_core.decoders.pool import Pool


@pytest.fixture
def made():
    return []


@pytest.fixture
def pool(made):
    def make(rows, columns):
        made.append((rows, columns))
        return object()

    return Pool(make)


def test_memory_is_used_again(pool, made):
    with pool.lend(10, 20) as first:
        pass
    with pool.lend(5, 20) as second:
        assert second is first
    assert made == [(10, 20)]


def test_memory_grows_in_both_directions(pool, made):
    for rows, columns in ((10, 20), (20, 10), (20, 20), (1, 1)):
        with pool.lend(rows, columns):
            pass
    assert made == [(10, 20), (20, 20)]


def test_two_borrowers_do_not_share(pool, made):
    with pool.lend(10, 20) as first, pool.lend(10, 20) as second:
        assert first is not second
    assert len(made) == 2


def test_memory_comes_back_after_an_error(pool, made):
    with pytest.raises(RuntimeError), pool.lend(10, 20):
        raise RuntimeError
    with pool.lend(10, 20):
        pass
    assert len(made) == 1
