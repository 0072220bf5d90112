import html.parser
import json
import re

import pytest

from components.watch_evaluate.evaluation import best_epoch, metrics, points
from components.watch_evaluate.report import Report

LABELS = ['AP', 'AP0.5', 'AP0.75', 'APM', 'APL', 'AR', 'AR0.5', 'AR0.75', 'ARM', 'ARL']


def result(ap, time=1.0):
    return {'metrics': {'AP': ap, 'AP50': 0.9, 'AR': 0.8}, 'time': time}


def test_figures_have_the_names_that_people_use():
    stats = {'cocokp': {'text_labels': LABELS, 'stats': list(range(10))}}
    stats['cocodet'] = {'text_labels': ['AP', 'AP0.5'], 'stats': [0.1, 0.2]}
    found = metrics(stats)
    assert list(found)[:6] == ['AP', 'AP50', 'AP75', 'APM', 'APL', 'AR']
    assert found['AP75'] == 2.0
    assert found['cocodet/AP50'] == 0.2


@pytest.mark.parametrize(
    ('aps', 'best'),
    [({5: 0.1, 10: 0.3, 15: 0.2}, 10), ({5: 0.3, 10: 0.3}, 10), ({5: float('nan'), 10: -1.0}, 10), ({5: 0.1}, 5)],
)
def test_the_best_epoch(aps, best):
    assert best_epoch({epoch: result(ap) for epoch, ap in aps.items()}) == best


def test_without_ground_truth_the_last_epoch_is_best():
    assert best_epoch({5: {'metrics': {}}, 10: {'metrics': {}}}) == 10


def test_curves_are_at_their_epoch_and_keep_their_time():
    made = points({5: result(0.1, time=7.0)})
    assert {(point.name, point.step, point.value, point.time) for point in made} == {
        ('val/AP', 5, 0.1, 7.0),
        ('val/AP50', 5, 0.9, 7.0),
        ('val/AR', 5, 0.8, 7.0),
    }


@pytest.fixture
def report():
    log = [
        {'type': 'process', 'args': {'lr': 0.1, 'note': '<script>alert(1)</script>'}, 'argv': ['train', '--lr=0.1']},
        *({'type': 'train', 'epoch': e, 'batch': 0, 'n_batches': 1, 'loss': 5.0 - e, 'lr': 0.1} for e in range(3)),
    ]
    log += [{'type': 'train-epoch', 'epoch': e, 'loss': 9.0 - e, 'time': 40.0, 'images_per_second': e} for e in (1, 2)]
    record = {'code': {'version': '0.1.0', 'commit': 'abc'}, 'dataset': {'digest': 'd' * 64, 'warning': 'overfitted'}}
    lines = '\n'.join(map(json.dumps, log))
    samples = {'<b>.jpg: 2 poses': b'\xff\xd8'}
    return Report('run <1>', record, {5: result(0.1), 10: result(0.25)}, 10, lines, samples)


class Tags(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.sources, self.names = [], [], []

    def handle_starttag(self, tag, attributes):
        self.names.append(tag)
        if tag not in ('meta', 'img', 'br'):
            self.open.append(tag)
        self.sources += [value for name, value in attributes if name in ('src', 'href')]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_stands_alone_and_is_well_formed(report):
    page = report.html(report.pictures())
    tags = Tags()
    tags.feed(page)
    assert tags.open == []
    assert tags.names.count('img') == 4
    assert all(source.startswith(('data:image/png;base64,', 'data:image/jpeg;base64,')) for source in tags.sources)
    assert not {'script', 'link', 'iframe'} & set(tags.names)
    assert not re.search(r'https?://|url\(|@import', page)
    assert '&lt;script&gt;' in page
    assert 'run &lt;1&gt;' in page


def test_the_page_says_what_was_found(report):
    page = report.html({})
    assert re.search(r'class="best"><td>10</td><td>0\.250</td><td>0\.900</td>', page)
    assert 'pifpaf train --lr=0.1' in page
    assert 'Overfitted.' in page
    assert '<td>version</td><td>0.1.0</td>' in page
    assert '<td>training</td><td>2 epochs in 1 min 20 s, 2.0 images/s</td>' in page
    assert '<b>0.250</b>AP<' in page
    assert '<figcaption>&lt;b&gt;.jpg: 2 poses</figcaption>' in page


def test_the_summary_says_the_same_in_a_few_lines(report):
    text = report.markdown()
    assert '| epoch | AP | AP50 | AR |' in text
    assert '| 10 | 0.250 | 0.900 | 0.800 |' in text
    assert 'Overfitted.' in text
    assert '- version: `0.1.0`' in text
    assert len(text.splitlines()) < 20


def test_pictures_have_fixed_names(report):
    pictures = report.pictures()
    assert list(pictures) == ['ap.png', 'loss.png', 'learning-rate.png']
    assert all(png.startswith(b'\x89PNG') for png in pictures.values())


def test_a_run_without_log_has_a_report_too():
    report = Report('r', {}, {5: result(0.1)}, 5, '')
    assert sorted(report.pictures()) == ['ap.png']
    assert 'unknown' in report.html({})
