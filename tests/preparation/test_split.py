import pytest

from pifpaf_core.preparation.split import SplitOptions, validation_ids


def test_the_choice_is_a_function_of_the_ids():
    ids = range(1000)
    chosen = validation_ids(ids, 0.1)
    assert len(chosen) == 100
    assert validation_ids(reversed(ids), 0.1) == chosen
    assert validation_ids([*ids, *ids], 0.1) == chosen
    assert chosen != frozenset(range(100))


def test_an_added_image_hardly_changes_the_choice():
    assert len(validation_ids(range(1000), 0.1) - validation_ids(range(1001), 0.1)) <= 1


@pytest.mark.parametrize(('n', 'fraction', 'expected'), [(2, 0.01, 1), (2, 0.99, 1), (8, 0.25, 2), (8, 0.2, 2)])
def test_both_halves_have_images(n, fraction, expected):
    assert len(validation_ids(range(n), fraction)) == expected


def test_one_image_cannot_be_split():
    with pytest.raises(ValueError, match='1 images cannot be split'):
        validation_ids([5], 0.5)


@pytest.mark.parametrize('fraction', [0.0, 1.0, -0.1, 1.5])
def test_shares_lie_between_0_and_1(fraction):
    with pytest.raises(ValueError, match='--val-fraction'):
        SplitOptions(val_fraction=fraction)


def test_options_exclude_each_other():
    with pytest.raises(ValueError, match='exclude each other'):
        SplitOptions(val_fraction=0.1, val_is_train=True)


def test_options_have_to_fit_the_source():
    SplitOptions().check({'train', 'val'})
    SplitOptions(val_is_train=True).check({'val'})
    with pytest.raises(ValueError, match='has training and validation images'):
        SplitOptions(val_fraction=0.5).check({'train', 'val'})
    with pytest.raises(ValueError, match='has only val images'):
        SplitOptions().check({'val'})
