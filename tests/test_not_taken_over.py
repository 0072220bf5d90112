import pytest

from pifpaf_core.not_taken_over import NOT_TAKEN_OVER, explanation


def test_a_pattern_and_its_reason():
    said = explanation('--posesimilarity-oks-inflate', command='predict')
    assert said == (
        "option '--posesimilarity-oks-inflate' is not taken over from OpenPifPaf: poses are not tracked from image to "
        'image. Leave it out'
    )


def test_only_where_the_command_lacks_it():
    assert 'the checkpoint knows its network' in explanation('--resnet-block5-dilation', command='eval')
    assert explanation('--resnet-block5-dilation', command='train') is None


def test_what_never_was():
    assert explanation('--lrr', command='train') is None


@pytest.mark.parametrize('row', NOT_TAKEN_OVER, ids=lambda row: row.flags[0])
def test_rows_make_one_sentence_and_a_remedy(row):
    assert all(flag.startswith('--') for flag in row.flags)
    assert row.reason and not row.reason.endswith('.') and '\n' not in row.reason
    assert row.remedy[0].isupper() and not row.remedy.endswith('.')
