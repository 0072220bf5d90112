import io
import tarfile
import zipfile

import pytest

from pifpaf_core.preparation import archive


def make_zip(path, members, **settings):
    with zipfile.ZipFile(path, 'w', **settings) as opened:
        for name, content in members:
            opened.writestr(name, content)
    return path


def make_tar(path, members):
    with tarfile.open(path, 'w:gz') as opened:
        for name, content in members:
            info = name if isinstance(name, tarfile.TarInfo) else tarfile.TarInfo(name)
            info.size = len(content)
            opened.addfile(info, io.BytesIO(content))
    return path


def special(name, kind, target=''):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


@pytest.fixture
def target(tmp_path):
    (tmp_path / 'target').mkdir()
    return tmp_path / 'target'


@pytest.mark.parametrize('make', [make_zip, make_tar])
def test_images_and_json_are_unpacked_and_nothing_else(tmp_path, target, make):
    members = [
        ('x/annotations/a.json', b'{}'),
        ('x/images/a.JPG', b'1'),
        ('x/run.sh', b'rm'),
        ('__MACOSX/x/._a.jpg', b'2'),
    ]
    archive.unpack(make(tmp_path / 'archive', members), target)
    assert sorted(str(p.relative_to(target)) for p in target.rglob('*') if p.is_file()) == [
        'x/annotations/a.json',
        'x/images/a.JPG',
    ]
    assert archive.find_root(target) == target / 'x'


@pytest.mark.parametrize('make', [make_zip, make_tar])
@pytest.mark.parametrize('name', ['../evil.json', '/tmp/evil.json', 'a/../../evil.json', '..\\evil.json'])
def test_nothing_leaves_the_folder(tmp_path, target, make, name):
    with pytest.raises(ValueError, match='leaves the folder'):
        archive.unpack(make(tmp_path / 'archive', [(name, b'x')]), target)
    assert not list(tmp_path.rglob('evil.json'))


@pytest.mark.parametrize(
    'info',
    [
        special('a.json', tarfile.SYMTYPE, '/etc/passwd'),
        special('a.json', tarfile.LNKTYPE, '../x'),
        special('a.json', tarfile.CHRTYPE),
    ],
)
def test_links_and_devices_are_refused(tmp_path, target, info):
    with pytest.raises(ValueError, match='is a link or a device'):
        archive.unpack(make_tar(tmp_path / 'archive', [(info, b'')]), target)
    assert list(target.iterdir()) == []


def test_links_in_zips_are_refused(tmp_path, target):
    info = zipfile.ZipInfo('a.json')
    info.external_attr = 0o120777 << 16
    with pytest.raises(ValueError, match='is a link or a device'):
        archive.unpack(make_zip(tmp_path / 'archive', [(info, '/etc/passwd')]), target)


@pytest.mark.parametrize('make', [make_zip, make_tar])
def test_bombs_stop_at_the_limit(tmp_path, target, make):
    bomb = [(f'{i}.json', b'0' * 1_000_000) for i in range(20)]
    packed = (
        make(tmp_path / 'archive', bomb, compression=zipfile.ZIP_DEFLATED)
        if make is make_zip
        else make(tmp_path / 'archive', bomb)
    )
    with pytest.raises(ValueError, match='more bytes than expected'):
        archive.unpack(packed, target, always_allowed=3_000_000)
    assert sum(path.stat().st_size for path in target.iterdir()) <= 4_000_000
    (tmp_path / 'other').mkdir()
    archive.unpack(packed, tmp_path / 'other', always_allowed=30_000_000)
    assert len(list((tmp_path / 'other').iterdir())) == 20


def test_a_member_that_occurs_twice(tmp_path, target):
    with pytest.warns(UserWarning, match='Duplicate'):
        packed = make_zip(tmp_path / 'archive', [('a.json', b'1'), ('a.json', b'2')])
    with pytest.raises(ValueError, match='occurs twice'):
        archive.unpack(packed, target)


def test_encrypted_members(tmp_path, target):
    packed = make_zip(tmp_path / 'archive', [('a.json', b'1')])
    content = bytearray(packed.read_bytes())
    content[content.index(b'PK\x01\x02') + 8] |= 1
    packed.write_bytes(content)
    with pytest.raises(ValueError, match='is encrypted'):
        archive.unpack(packed, target)


@pytest.mark.parametrize('make', [make_zip, make_tar])
@pytest.mark.parametrize('share', [0.3, 0.7])
def test_truncated_archives(tmp_path, target, make, share):
    packed = make(tmp_path / 'archive', [('a.json', bytes(range(256)) * 40), ('b.json', bytes(range(256)) * 40)])
    content = packed.read_bytes()
    packed.write_bytes(content[: int(share * len(content))])
    with pytest.raises(ValueError, match='Fetch it again'):
        archive.unpack(packed, target)


def test_a_member_whose_content_is_damaged(tmp_path, target):
    packed = make_zip(tmp_path / 'archive', [('a.json', b'abcdefgh' * 100)])
    content = bytearray(packed.read_bytes())
    content[60] ^= 255
    packed.write_bytes(content)
    with pytest.raises(ValueError, match='is damaged or no archive'):
        archive.unpack(packed, target)


def test_archives_are_known_by_content(tmp_path):
    assert archive.is_archive(make_zip(tmp_path / 'a', [('a', b'')]))
    assert archive.is_archive(make_tar(tmp_path / 'b', [('a', b'')]))
    (tmp_path / 'c.zip').write_text('hello')
    assert not archive.is_archive(tmp_path / 'c.zip')
    assert not archive.is_archive(tmp_path)


def test_an_archive_without_annotations(target):
    with pytest.raises(ValueError, match='holds no folder annotations'):
        archive.find_root(target)
