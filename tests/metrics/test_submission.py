import json
import time
import zipfile

from pifpaf_core.metrics.submission import write_zip

RECORDS = [{'image_id': 1, 'category_id': 1, 'keypoints': [1.5, 2.0, 0.9], 'score': 0.5}]


def test_zip_holds_exactly_the_predictions(tmp_path):
    write_zip(tmp_path / 'a.zip', RECORDS)
    with zipfile.ZipFile(tmp_path / 'a.zip') as archive:
        assert archive.namelist() == ['predictions.json']
        assert json.loads(archive.read('predictions.json')) == RECORDS
        assert archive.testzip() is None


def test_same_records_give_the_same_bytes(tmp_path, monkeypatch):
    write_zip(tmp_path / 'a.zip', RECORDS)
    monkeypatch.setattr(time, 'time', lambda: 4e9)
    write_zip(tmp_path / 'b.zip', RECORDS)
    assert (tmp_path / 'a.zip').read_bytes() == (tmp_path / 'b.zip').read_bytes()


def test_an_older_zip_is_replaced(tmp_path):
    write_zip(tmp_path / 'a.zip', [])
    write_zip(tmp_path / 'a.zip', RECORDS)
    with zipfile.ZipFile(tmp_path / 'a.zip') as archive:
        assert json.loads(archive.read('predictions.json')) == RECORDS
