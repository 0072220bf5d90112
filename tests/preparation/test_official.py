import hashlib
import json
import zipfile

import pytest

from pifpaf_core import prepare
from pifpaf_core.preparation import official


def official_zips(folder):
    """{address: content} of zips in COCO's layout, and a checksum file's text."""
    folder.add('train', 3).add('val', 2, first=50)
    folder.add('train', 3, kind='instances').add('val', 2, first=50, kind='instances')
    groups = {
        'annotations/annotations_trainval2017.zip': [
            (p, f'annotations/{p.name}') for p in (folder.root / 'annotations').iterdir()
        ],
        'zips/train2017.zip': [(p, f'train2017/{p.name}') for p in (folder.root / 'images/train2017').iterdir()],
        'zips/val2017.zip': [(p, f'val2017/{p.name}') for p in (folder.root / 'images/val2017').iterdir()],
    }
    found = {}
    for address, members in groups.items():
        path = folder.root / 'zip'
        with zipfile.ZipFile(path, 'w') as opened:
            for source, name in sorted(members):
                opened.write(source, name)
        found[f'/coco/{address}'] = path.read_bytes()
    sums = ''.join(
        f'{hashlib.sha256(content).hexdigest()}  {name.rpartition("/")[2]}\n' for name, content in found.items()
    )
    return found, sums


@pytest.fixture
def site(web, folder, tmp_path):
    web.files, sums = official_zips(folder)
    (tmp_path / 'sums').write_text(sums)
    return web


def run(site, tmp_path, *more):
    where = ['--source=coco2017', f'--base-address={site.address}/coco', f'--checksums={tmp_path / "sums"}']
    return prepare.main([*where, f'--output={tmp_path / "out"}', *more])


def test_coco_by_address_with_a_connection_that_breaks(site, tmp_path, capsys):
    site.break_after, site.breaks = 900, 3
    assert run(site, tmp_path) == 0
    manifest = json.loads((tmp_path / 'out/manifest.json').read_text())
    assert manifest['splits']['train']['images'] == 3 and manifest['splits']['val']['images'] == 2
    assert (tmp_path / 'out/annotations/instances_val2017.json').exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ['out', 'source', 'sums']
    assert sum(wanted is not None for _, wanted in site.requests) == 3
    n_requests = len(site.requests)
    assert run(site, tmp_path) == 0
    assert len(site.requests) == n_requests and 'is there already' in capsys.readouterr().err


def test_named_downloads_are_kept(site, tmp_path):
    assert run(site, tmp_path, f'--downloads={tmp_path / "keep"}') == 0
    assert sorted(path.name for path in (tmp_path / 'keep').iterdir()) == [
        'annotations_trainval2017.zip',
        'train2017.zip',
        'val2017.zip',
    ]


def test_a_mirror_must_have_the_official_files_unless_checksums_say_otherwise(site, tmp_path, capsys):
    where = ['--source=coco2017', f'--base-address={site.address}/coco', f'--output={tmp_path / "out"}']
    assert prepare.main(where) == 1
    assert 'bytes but should have 252907541' in capsys.readouterr().err
    assert not (tmp_path / 'out').exists()


def test_a_changed_archive(site, tmp_path, capsys):
    site.files['/coco/zips/val2017.zip'] = site.files['/coco/zips/train2017.zip']
    assert run(site, tmp_path) == 1
    error = capsys.readouterr().err.splitlines()[-1]
    assert 'val2017.zip has sha256' in error and not (tmp_path / 'out').exists()


def test_the_test_images_are_asked_for_only_when_wanted(site, tmp_path, capsys):
    with (tmp_path / 'sums').open('a') as file:
        file.write(f'{"0" * 64}  image_info_test2017.zip\n{"0" * 64}  test2017.zip\n')
    assert run(site, tmp_path, '--with-test') == 1
    assert 'image_info_test2017.zip cannot be fetched: HTTP 404' in capsys.readouterr().err


def test_checksum_files(tmp_path):
    path = tmp_path / 'sums'
    path.write_text(f'{"a" * 64}  x/val2017.zip\n{"B" * 64} *train2017.zip\n')
    assert official.read_checksums(path) == {'val2017.zip': 'a' * 64, 'train2017.zip': 'b' * 64}
    path.write_text('nonsense\n')
    with pytest.raises(ValueError, match='line 1 is no checksum'):
        official.read_checksums(path)


def test_checksums_have_to_name_each_archive(tmp_path):
    with pytest.raises(ValueError, match=r'the checksums lack annotations_trainval2017.zip'):
        official.bring('http://127.0.0.1:9', tmp_path, tmp_path, checksums={})


def test_the_official_files_are_pinned():
    for item in official.TRAIN_VAL + official.TEST:
        assert len(item.expected.sha256) == 64
    assert sum(item.expected.n_bytes for item in official.TRAIN_VAL) == 20_405_354_669
