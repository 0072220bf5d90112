import json
import random
import zipfile

import pytest

from pifpaf_core.metrics import submission_check
from pifpaf_core.metrics.submission import write_zip
from pifpaf_core.metrics.submission_check import BOXES, POSES, check_zip

KEYPOINTS = [12.5, 3, 0.75] * 17
POSE = {'image_id': 139, 'category_id': 1, 'keypoints': KEYPOINTS, 'score': 0.5}
BOX = {'image_id': 139, 'category_id': 80, 'bbox': [1.5, 2, 3, 4], 'score': 0.25}


def zipped(path, *members, method=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, 'w', method) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return path


@pytest.fixture
def made(tmp_path):
    """A zip of these records, or of this text."""

    def made(content):
        text = content if isinstance(content, str | bytes) else json.dumps(content)
        return zipped(tmp_path / 'x.zip', ('predictions.json', text))

    return made


def problem(path, **options):
    with pytest.raises(ValueError) as refused:
        check_zip(path, **options)
    text = str(refused.value)
    assert text.startswith(f'{path} ') and '\n' not in text
    return text


def test_sound_poses(tmp_path):
    """What our own writer writes; 20 poses in an image and one in another."""
    write_zip(tmp_path / 'x.zip', [POSE] * 20 + [{**POSE, 'image_id': 7}])
    contents = check_zip(tmp_path / 'x.zip', image_ids=[7, 139, 1000])
    assert (contents.form, contents.n_records, contents.n_images) == (POSES, 21, 2)


def test_sound_boxes(made):
    contents = check_zip(made([BOX] * 100))
    assert (contents.form, contents.n_records, contents.n_images) == (BOXES, 100, 1)


def test_white_space_does_not_matter(made):
    assert check_zip(made(json.dumps([POSE, POSE], indent=4) + '\n')).n_records == 2


BAD_RECORDS = {
    'too few numbers': ({'keypoints': KEYPOINTS[:-1]}, "has 50 numbers in 'keypoints', not 51"),
    'too many numbers': ({'keypoints': [*KEYPOINTS, 1]}, "has 52 numbers in 'keypoints', not 51"),
    'no list': ({'keypoints': 'all'}, "has no list in 'keypoints', not 51"),
    'nan': ({'keypoints': [*KEYPOINTS[:-1], float('nan')]}, "has NaN in 'keypoints', which is no finite number"),
    'infinity': ({'keypoints': [float('-inf'), *KEYPOINTS[1:]]}, "has -Infinity in 'keypoints'"),
    'huge': ({'keypoints': [10**400, *KEYPOINTS[1:]]}, "in 'keypoints', which is no finite number"),
    'a string': ({'keypoints': ['1.5', *KEYPOINTS[1:]]}, 'has "1.5" in \'keypoints\''),
    'a truth': ({'keypoints': [True, *KEYPOINTS[1:]]}, "has true in 'keypoints'"),
    'null': ({'keypoints': [None, *KEYPOINTS[1:]]}, "has null in 'keypoints'"),
    'nan score': ({'score': float('nan')}, "has NaN in 'score'"),
    'no score': ({'score': None}, "has null in 'score'"),
    'unknown image': ({'image_id': 5}, 'is of an image that the list does not have'),
    'image as text': ({'image_id': '139'}, 'has an image_id that is no integer'),
    'image as float': ({'image_id': 139.0}, 'has an image_id that is no integer'),
    'other category': ({'category_id': 2}, 'has category_id 2, not 1'),
    'category as text': ({'category_id': 'person'}, 'has category_id "person", not 1'),
    'extra key': ({'bbox': [1, 2, 3, 4]}, "has the extra key 'bbox'"),
}


@pytest.mark.parametrize(('change', 'said'), BAD_RECORDS.values(), ids=BAD_RECORDS)
def test_bad_records_are_named(made, change, said):
    text = problem(made([POSE, POSE, {**POSE, **change}]), image_ids={139})
    assert 'would be refused: record 2' in text and said in text and 'more are wrong' not in text


@pytest.mark.parametrize('key', sorted(POSE))
def test_missing_keys_are_named(made, key):
    assert f"record 1 lacks '{key}'" in problem(made([POSE, {k: v for k, v in POSE.items() if k != key}])).replace(
        ' (image 139)', ''
    )


@pytest.mark.parametrize(
    ('change', 'said'),
    [
        ({'bbox': [1, 2, 3]}, "has 3 numbers in 'bbox', not 4"),
        ({'category_id': 0}, 'has category_id 0, not a positive integer'),
        ({'bbox': [1, 2, 3, float('inf')]}, "has Infinity in 'bbox'"),
    ],
)
def test_bad_boxes(made, change, said):
    assert f'record 1 (image 139) {said}' in problem(made([BOX, {**BOX, **change}]))


def test_too_many_in_an_image(made):
    text = problem(made([POSE] * 20 + [{**POSE, 'image_id': 5}] + [POSE] * 2))
    assert 'record 21 (image 139) is number 21 of its image, and servers take 20 (1 more are wrong)' in text
    assert 'servers take 100' in problem(made([BOX] * 101))


def test_images_are_not_checked_without_a_list(made):
    assert check_zip(made([{**POSE, 'image_id': 5}])).n_images == 1


BAD_FILES = {
    'no list': ('{"image_id": 1}', 'is no list of records'),
    'empty file': ('', 'is no list of records'),
    'empty list': ('[]', 'holds no predictions'),
    'numbers': ('[1, 2]', 'record 0 is no JSON object'),
    'breaks off': (json.dumps([POSE, POSE])[:-1], 'breaks off after record 1'),
    'breaks off in a record': (json.dumps([POSE, POSE])[:-20], 'record 1 is no JSON object'),
    'goes on': (json.dumps([POSE]) + '[]', 'goes on behind its list'),
    'comma at the end': (json.dumps([POSE])[:-1] + ',]', 'record 1 is no JSON object'),
    'comma forgotten': (json.dumps([POSE])[:-1] + json.dumps([POSE])[1:], 'breaks off after record 0'),
    'an object inside': (json.dumps([{**POSE, 'score': {'a': 1}}]), 'record 0 is no JSON object'),
    'a key twice': (json.dumps([POSE])[:-2] + ', "score": 1}]', 'a key comes twice'),
    'many digits': (
        json.dumps([{**POSE, 'score': 0}]).replace(' 0}', f' {"1" * 5000}}}'),
        'record 0 is no JSON object',
    ),
    'nested': (f'[{{"image_id": {"[" * 9000}{"]" * 9000}}}]', 'record 0'),
    'one endless record': ('[{"image_id": ' + '[],' * 10000 + '1}]', 'record 0 is no JSON object'),
    'not ASCII': ('[{"é": 1}]', 'is not plain JSON at byte 3'),
    'UTF-16': (json.dumps([POSE]).encode('utf-16'), 'is not plain JSON at byte 0'),
}


@pytest.mark.parametrize(('content', 'said'), BAD_FILES.values(), ids=BAD_FILES)
def test_damaged_json(made, content, said):
    assert said in problem(made(content))


BAD_MEMBERS = {
    'other name': ([('person_keypoints_results.json', '[]')], 'holds person_keypoints_results.json, not exactly'),
    'in a folder': ([('out/predictions.json', '[]')], 'holds out/predictions.json, not exactly predictions.json'),
    'traversal': ([('../predictions.json', '[]')], 'holds ../predictions.json, not exactly predictions.json'),
    'two files': ([('predictions.json', '[]'), ('readme.txt', '')], 'holds predictions.json, readme.txt, not exactly'),
    'many files': ([(f'{i}', '') for i in range(9)], 'holds 0, 1, 2, ..., not exactly'),
    'nothing': ([], 'holds nothing, not exactly'),
}


@pytest.mark.parametrize(('members', 'said'), BAD_MEMBERS.values(), ids=BAD_MEMBERS)
def test_other_members(tmp_path, members, said):
    assert said in problem(zipped(tmp_path / 'x.zip', *members))


def test_no_file_no_zip_a_folder(tmp_path):
    assert 'cannot be read: No such file' in problem(tmp_path / 'absent.zip')
    assert 'cannot be read: ' in problem(tmp_path)
    (tmp_path / 'x.zip').write_text('no zip')
    assert 'is no whole zip' in problem(tmp_path / 'x.zip')


def test_other_packing(tmp_path):
    path = zipped(tmp_path / 'x.zip', ('predictions.json', '[]'), method=zipfile.ZIP_LZMA)
    assert 'is packed by another method than deflate' in problem(path)


def test_encrypted(made):
    path = made([POSE])
    content = bytearray(path.read_bytes())
    for signature, offset in ((b'PK\x03\x04', 6), (b'PK\x01\x02', 8)):
        content[content.index(signature) + offset] |= 1
    path.write_bytes(content)
    assert 'is encrypted' in problem(path)


@pytest.mark.parametrize('claimed', [1000, 10**6])
def test_a_false_size(made, claimed):
    """The size that the archive claims is smaller or larger than what is in it."""
    path = made(' ' * 9999 + json.dumps([POSE]))
    content = bytearray(path.read_bytes())
    for signature, offset in ((b'PK\x03\x04', 22), (b'PK\x01\x02', 24)):
        start = content.index(signature) + offset
        content[start : start + 4] = claimed.to_bytes(4, 'little')
    path.write_bytes(content)
    assert 'is no whole zip' in problem(path) or 'is damaged' in problem(path)


def test_a_bomb_is_not_unpacked(made, monkeypatch):
    monkeypatch.setattr(submission_check, 'MAX_BYTES', 10**6)
    path = made('[' + ' ' * 10**7)
    assert path.stat().st_size < 10**5
    monkeypatch.setattr(zipfile.ZipFile, 'open', lambda *arguments: pytest.fail('unpacked'))
    assert 'would unpack to 10000001 bytes' in problem(path)


def test_a_huge_file_is_not_read(made, monkeypatch):
    path = made([POSE])
    monkeypatch.setattr(submission_check, 'MAX_BYTES', 10)
    monkeypatch.setattr(zipfile, 'ZipFile', lambda *arguments: pytest.fail('read'))
    assert 'more than any submission' in problem(path)


def test_damage_anywhere_is_a_refusal_in_one_line(made, tmp_path):
    """Any byte changed: sound, where it does not matter, or refused. Nothing else is raised."""
    content = made([POSE, {**POSE, 'image_id': 7}]).read_bytes()
    rng = random.Random(1)
    refused = 0
    for i in range(400):
        damaged = bytearray(content)
        damaged[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
        if i % 4 == 0:
            del damaged[rng.randrange(len(content)) :]
        (tmp_path / 'y.zip').write_bytes(damaged)
        try:
            check_zip(tmp_path / 'y.zip')
        except ValueError:
            refused += 1
    assert refused > 200
