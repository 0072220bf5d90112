import argparse
import importlib
import subprocess
import sys

import pytest

from pifpaf_core.datasets import selection
from pifpaf_core.datasets.cocokp import CocoKp
from pifpaf_core.datasets.options import LoaderOptions


def parse(line):
    parser = argparse.ArgumentParser()
    selection.add_options(parser)
    return selection.from_args(parser.parse_args(line.split()))


def test_module_with_its_options():
    (module,) = parse('--dataset=cocokp --cocokp-upsample=2 --batch-size=4')
    assert isinstance(module, CocoKp)
    assert module.options.upsample == 2
    assert module.loader.batch_size == 4


def test_no_data_set():
    with pytest.raises(ValueError, match=r'no data set is named\. Give --dataset; known: .*cocokp'):
        parse('--batch-size=4')


def test_unknown_data_set():
    with pytest.raises(ValueError, match=r"no data set 'nocturnal'\. Known: .*cocokp"):
        parse('--dataset=nocturnal')


def test_data_set_named_twice():
    with pytest.raises(ValueError, match='names a data set twice'):
        parse('--dataset=cocokp-cocokp')


def test_build_needs_no_command_line():
    options = CocoKp.Options(upsample=4)
    (module,) = selection.build('cocokp', options={'cocokp': options}, loader=LoaderOptions(seed=5))
    assert (module.options, module.loader.seed, module.loader.dataset) == (options, 5, 'cocokp')
    assert selection.build('cocokp')[0].options == CocoKp.Options()


@pytest.mark.parametrize('package', ['datasets', 'metrics', 'metrics.submission', 'transforms', 'datasets.cocokp'])
def test_imports_without_torch(package):
    importlib.import_module(f'pifpaf_core.{package}')
    code = f'import sys, pifpaf_core.{package}; sys.exit("torch" in sys.modules)'
    assert subprocess.run([sys.executable, '-c', code], check=False).returncode == 0
