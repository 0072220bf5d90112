import json

import pytest

from benchmarks import generalisation


@pytest.mark.nightly
@pytest.mark.timeout(7200)
def test_a_small_network_finds_people_that_it_has_never_seen(tmp_path, monkeypatch):
    """A quarter of a processor hour; an AP of 0.083 was seen, `docs/performance.md`."""
    monkeypatch.setenv('OMP_NUM_THREADS', '1')
    assert generalisation.main(['--folder', str(tmp_path)]) == 0
    result = json.loads((tmp_path / 'generalisation.json').read_text())
    print(result)
    assert result['unseen'] > 250
    assert result['AP'] > 0.05
    assert result['processor_hours_of_training'] < 1.0
