import zipfile

import pytest

from pifpaf_core.preparation import origin
from pifpaf_core.preparation.origin import DownloadOptions


def packed(folder, path):
    with zipfile.ZipFile(path, 'w') as opened:
        for file in sorted(folder.root.rglob('*')):
            if file.is_file():
                opened.write(file, f'mydata/{file.relative_to(folder.root)}')
    return path


def test_a_folder_is_used_in_place(folder, tmp_path):
    found = origin.of(str(folder.add('val').root), DownloadOptions(), tmp_path)
    assert found.request['source'] == 'folder' and list(found.request['annotations']) == [
        'person_keypoints_val2017.json'
    ]
    assert found.bring(tmp_path) == folder.root
    assert origin.of(folder.root.as_uri(), DownloadOptions(), tmp_path).request == found.request


def test_an_archive_is_unpacked(folder, tmp_path):
    path = packed(folder.add('val'), tmp_path / 'a.zip')
    found = origin.of(str(path), DownloadOptions(), tmp_path)
    assert found.request['source'] == 'archive'
    (tmp_path / 'scratch').mkdir()
    root = found.bring(tmp_path / 'scratch')
    assert root.name == 'mydata' and (root / 'annotations/person_keypoints_val2017.json').exists()


def test_requests_differ_with_the_content(folder, tmp_path):
    before = origin.of(str(folder.add('val').root), DownloadOptions(), tmp_path).request
    folder.documents['person_keypoints_val2017']['annotations'].pop()
    assert origin.of(str(folder.save().root), DownloadOptions(), tmp_path).request != before


@pytest.mark.parametrize('name', ['s3://bucket/x', 'ftp://host/x.zip'])
def test_schemes_that_cannot_be_fetched(name, tmp_path):
    with pytest.raises(ValueError, match='cannot be fetched'):
        origin.of(name, DownloadOptions(), tmp_path)


def test_base_addresses_are_checked():
    with pytest.raises(ValueError, match='cannot be fetched'):
        DownloadOptions(base_address='gopher://x')


def test_a_file_that_is_no_archive(tmp_path):
    (tmp_path / 'a.zip').write_text('hello')
    with pytest.raises(ValueError, match='neither a folder nor a zip or tar archive'):
        origin.of(str(tmp_path / 'a.zip'), DownloadOptions(), tmp_path)


def test_scratch_lies_beside_the_output_and_goes(tmp_path):
    with origin.scratch_folder(tmp_path / 'deep' / 'out') as scratch:
        assert scratch.startswith(str(tmp_path / 'deep' / '.out.'))
    assert list((tmp_path / 'deep').iterdir()) == []
    (tmp_path / 'file').write_text('')
    with pytest.raises(OSError, match='Choose another --output'):
        origin.scratch_folder(tmp_path / 'file' / 'out')
