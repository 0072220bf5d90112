import argparse
import os

import pytest

from pifpaf_core.datasets.options import LoaderOptions
from pifpaf_core.options import add_options, from_args


def parse(line):
    parser = argparse.ArgumentParser()
    add_options(parser, LoaderOptions)
    return from_args(LoaderOptions, parser.parse_args(line.split()))


def test_flags_of_the_guide():
    options = parse('--dataset=cocokp-cocodet --dataset-weights 1.0 0.5 --batch-size=32 --loader-workers=2 --seed=3')
    assert options.names == ('cocokp', 'cocodet')
    assert options.dataset_weights == (1.0, 0.5)
    assert (options.batch_size, options.loader_workers, options.seed) == (32, 2, 3)
    assert parse('--square-edge=513 --resample=area') == LoaderOptions(square_edge=513, resample='area')


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'batch_size': 0}, '--batch-size is 0. Give at least 1'),
        ({'loader_workers': -1}, '--loader-workers is -1. Give 0'),
        ({'seed': -1}, '--seed is -1. Give 0 or more'),
        ({'square_edge': 5}, '--square-edge is 5. Give at least 17'),
        ({'dataset': 'a-b', 'dataset_weights': (1.0, 0.0)}, 'Give positive numbers'),
        ({'dataset': 'a', 'dataset_weights': (1.0, 2.0)}, '2 --dataset-weights for 1 data sets. Give one for each'),
    ],
)
def test_senseless_values(changes, message):
    with pytest.raises(ValueError, match=message):
        LoaderOptions(**changes)


@pytest.mark.parametrize(
    ('cores', 'batch_size', 'processes', 'workers'),
    [(1, 8, 1, 0), (4, 8, 1, 4), (4, 2, 1, 2), (16, 32, 4, 4), (2, 8, 4, 0)],
)
def test_workers_follow_the_cores(monkeypatch, cores, batch_size, processes, workers):
    monkeypatch.setattr(os, 'sched_getaffinity', lambda _: set(range(cores)))
    assert LoaderOptions(batch_size=batch_size).workers(processes=processes) == workers


def test_given_workers_stay():
    assert LoaderOptions(loader_workers=7).workers(processes=4) == 7
    assert LoaderOptions(loader_workers=0, batch_size=32).workers() == 0


@pytest.mark.parametrize(
    ('size', 'n_bytes'), [('1000', 1000), ('500k', 500 << 10), ('5M', 5 << 20), ('0.25M', 1 << 18)]
)
def test_sizes_of_the_cache(tmp_path, size, n_bytes):
    cache = LoaderOptions(data_cache_size=size, data_cache=str(tmp_path / 'cache')).cache
    assert (cache.folder, cache.limit) == (tmp_path / 'cache', n_bytes)


def test_no_cache_where_none_is_wanted_or_possible(tmp_path, monkeypatch, caplog):
    assert LoaderOptions(data_cache_size='0').cache is None
    (tmp_path / 'file').write_text('')
    assert LoaderOptions(data_cache=str(tmp_path / 'file')).cache is None
    assert 'Give another --data-cache, or --data-cache-size=0' in caplog.text
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'home'))
    assert LoaderOptions(data_cache_size='1M').cache.folder == tmp_path / 'home' / 'pifpaf' / 'data'


@pytest.mark.parametrize('size', ['', 'much', '10GB', '-1', '1e9'])
def test_a_size_that_is_none(size):
    with pytest.raises(ValueError, match=r'is no size\. Give e\.g\. 500M, 20G, or 0 for none'):
        LoaderOptions(data_cache_size=size)
