import hashlib

import pytest

from pifpaf_core.preparation import download
from pifpaf_core.preparation.download import Expected, Patience, fetch

CONTENT = bytes(range(256)) * 2000
DIGEST = hashlib.sha256(CONTENT).hexdigest()
RIGHT = Expected(len(CONTENT), DIGEST)
QUICK = Patience(attempts=3, timeout=5.0, pause=0.0)


@pytest.fixture
def site(web):
    web.files['/a.zip'] = CONTENT
    return web


@pytest.fixture
def target(tmp_path):
    return tmp_path / 'downloads' / 'a.zip'


def get(site, target, expected=RIGHT, patience=QUICK):
    return fetch(f'{site.address}/a.zip', target, expected=expected, patience=patience)


def only(target):
    """The target is whole and nothing lies beside it."""
    return target.read_bytes() == CONTENT and [path.name for path in target.parent.iterdir()] == ['a.zip']


def test_a_plain_download_and_a_second_one_that_is_not_needed(site, target):
    assert get(site, target) == target and only(target)
    get(site, target)
    assert len(site.requests) == 1


def test_an_interrupted_connection_is_resumed_where_it_broke(site, target):
    site.break_after, site.breaks = 100_000, 4  # more breaks than attempts: progress resets the patience
    get(site, target)
    assert only(target)
    assert [wanted for _, wanted in site.requests] == [None, *(f'bytes={n}00000-' for n in (1, 2, 3, 4))]


def test_another_process_resumes(site, target):
    site.break_after, site.breaks = 100_000, 1
    with pytest.raises(OSError, match=r'ended after 100000 of 512000 bytes.*1 times in a row.*it resumes'):
        get(site, target, patience=Patience(attempts=1, timeout=5.0))
    assert (target.parent / 'a.zip.part').stat().st_size == 100_000 and not target.exists()
    get(site, target)
    assert only(target) and site.requests[-1][1] == 'bytes=100000-'


def test_a_server_that_breaks_off_for_ever(site, target):
    site.break_after, site.breaks = 0, 99
    with pytest.raises(OSError, match='3 times in a row'):
        get(site, target)
    assert len(site.requests) == 3


def test_a_server_without_ranges_starts_anew(site, target):
    site.break_after, site.breaks, site.ranges = 300_000, 1, False
    get(site, target)
    assert only(target)


def test_a_file_that_changed_in_between_starts_anew(site, target):
    target.parent.mkdir()
    (target.parent / 'a.zip.part').write_bytes(b'old' * 1000)
    (target.parent / 'a.zip.part.tag').write_text('"zero"')
    get(site, target)
    assert only(target)


def test_a_wrong_beginning_is_found_by_the_digest_and_fetched_anew(site, target):
    target.parent.mkdir()
    (target.parent / 'a.zip.part').write_bytes(b'x' * 1000)
    get(site, target)
    assert only(target) and [wanted for _, wanted in site.requests] == ['bytes=1000-', None]


def test_a_part_that_is_longer_than_the_file_starts_anew(site, target):
    target.parent.mkdir()
    (target.parent / 'a.zip.part').write_bytes(CONTENT + b'more')
    get(site, target)
    assert only(target)


@pytest.mark.parametrize('expected', [RIGHT, Expected()])
def test_a_part_that_is_whole_already(site, target, expected):
    target.parent.mkdir()
    (target.parent / 'a.zip.part').write_bytes(CONTENT)
    get(site, target, expected)
    assert only(target)


def test_a_server_that_answers_another_range(site, target):
    target.parent.mkdir()
    (target.parent / 'a.zip.part').write_bytes(CONTENT[:1000])
    site.shift = 7
    get(site, target)
    assert only(target)


def test_a_length_that_promises_too_much(site, target):
    site.announce = 1000
    with pytest.raises(ValueError, match='is announced with 513000 bytes but should have 512000'):
        get(site, target)
    get(site, target, Expected(None, DIGEST))  # the request for the rest brings the truth to light
    assert only(target) and site.requests[-1][1] == 'bytes=512000-'


def test_a_length_that_promises_too_little(site, target):
    site.announce = -1000
    with pytest.raises(ValueError, match='is announced with 511000 bytes'):
        get(site, target)
    with pytest.raises(ValueError, match='sha256'):
        get(site, target, Expected(None, DIGEST))
    assert not target.exists() and list(target.parent.iterdir()) == []


def test_another_content(site, target):
    site.files['/a.zip'] = CONTENT[::-1]
    with pytest.raises(ValueError, match=f'in place of {DIGEST}'):
        get(site, target)
    assert list(target.parent.iterdir()) == []


def test_an_existing_file_that_is_wrong_is_replaced(site, target):
    target.parent.mkdir()
    target.write_bytes(b'something else')
    get(site, target)
    assert only(target)


def test_passing_server_errors_are_tried_again_and_final_ones_are_not(site, target):
    site.statuses = [503, 429]
    get(site, target)
    assert only(target) and len(site.requests) == 3
    site.files.clear()
    with pytest.raises(OSError, match=r'HTTP 404 Not Found. Check the address'):
        fetch(f'{site.address}/b.zip', target.with_name('b.zip'), patience=QUICK)
    assert len(site.requests) == 4


def test_no_server(target):
    with pytest.raises(OSError, match='cannot be fetched'):
        fetch('http://127.0.0.1:9/a.zip', target, patience=QUICK)


def test_a_full_disk(site, target, monkeypatch):
    monkeypatch.setattr(download.shutil, 'disk_usage', lambda _: type('Usage', (), {'free': 10}))
    with pytest.raises(OSError, match=r'has 10 bytes left but 512000 are to come. Make room'):
        get(site, target)


def test_redirects_lead_to_the_web_only(site, target, tmp_path):
    site.redirects['/here'] = '/a.zip'
    fetch(f'{site.address}/here', target, expected=RIGHT, patience=QUICK)
    assert only(target)
    (tmp_path / 'secret').write_text('x')
    for forbidden in (f'file://{tmp_path}/secret', 'ftp://127.0.0.1/x'):
        site.redirects['/there'] = forbidden
        with pytest.raises(OSError, match='cannot be fetched'):
            fetch(f'{site.address}/there', target.with_name('b'), patience=QUICK)
    assert not target.with_name('b').exists()


def test_file_addresses_are_checked_in_place(target, tmp_path):
    source = tmp_path / 'with space.zip'
    source.write_bytes(CONTENT)
    assert fetch(source.as_uri(), target, expected=RIGHT) == source
    with pytest.raises(ValueError, match='gave 512000 bytes in place of 1'):
        fetch(source.as_uri(), target, expected=Expected(1))
    with pytest.raises(ValueError, match='is missing'):
        fetch(f'file://{tmp_path}/none', target)


@pytest.mark.parametrize('address', ['ftp://host/x', 's3://bucket/x', 'data:,x', 'C:/x'])
def test_other_schemes_are_refused(address, target):
    with pytest.raises(ValueError, match=r'Use http://, https:// or file://'):
        fetch(address, target)
