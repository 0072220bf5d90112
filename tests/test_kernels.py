import os
import subprocess
import sys

import numpy as np
import pytest

from pifpaf_core import kernels


@kernels.jit
def add(a, b):
    return a + b


@kernels.jit_in_place
def fill(a, value):
    for i in range(len(a)):
        a[i] = value


def test_kernels_compute():
    assert add(1.5, 2.0) == 3.5
    array = np.zeros(3)
    fill(array, 2.0)
    assert array.tolist() == [2.0, 2.0, 2.0]


def in_new_process(program, **environment):
    env = {**os.environ, **environment}
    return subprocess.run([sys.executable, '-c', program], capture_output=True, text=True, env=env, check=True)


def test_where_nothing_can_be_written_kernels_compile_all_the_same(tmp_path):
    (tmp_path / 'file').write_text('')
    done = in_new_process('from pifpaf_core.transforms import warp', NUMBA_CACHE_DIR=str(tmp_path / 'file'))
    assert done.stderr.count('compiled kernels cannot be kept') == 1


@pytest.mark.parametrize('has_built', [True, False])
def test_kernels_of_an_image_are_taken_over_once(monkeypatch, tmp_path, has_built):
    digest = kernels._digest_of_sources()
    (tmp_path / 'image' / (digest if has_built else 'of-other-sources')).mkdir(parents=True)
    for folder in (tmp_path / 'image').iterdir():
        (folder / 'kernel').write_text('compiled')
    monkeypatch.setenv('PIFPAF_KERNELS', str(tmp_path / 'image'))
    monkeypatch.setenv('NUMBA_CACHE_DIR', str(tmp_path / 'cache'))
    found = kernels.cache_folder.__wrapped__()
    assert found == tmp_path / 'cache' / digest
    assert [path.name for path in found.iterdir()] == ['kernel'] * has_built
    (found / 'own').write_text('compiled here')
    assert kernels.cache_folder.__wrapped__() == found and (found / 'own').exists()


def test_another_source_has_another_cache(monkeypatch, tmp_path):
    before = kernels._digest_of_sources()
    for package in kernels.PACKAGES:
        (tmp_path / package).mkdir()
    (tmp_path / 'decoders' / 'x.py').write_text('1')
    monkeypatch.setattr(kernels, '__file__', str(tmp_path / 'kernels.py'))
    first = kernels._digest_of_sources()
    (tmp_path / 'decoders' / 'x.py').write_text('2')
    assert len({before, first, kernels._digest_of_sources()}) == 3


@pytest.mark.parametrize('package', kernels.PACKAGES)
def test_packages_exist(repository, package):
    assert (repository / 'pifpaf_core' / package).is_dir()
