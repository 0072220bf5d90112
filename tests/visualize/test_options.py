import argparse
from pathlib import Path

import pytest

from pifpaf_core.options import add_options, from_args
from pifpaf_core.visualize.options import DebugOptions, ShowOptions


def parsed(config, *argv):
    parser = argparse.ArgumentParser(allow_abbrev=False)
    add_options(parser, config)
    return from_args(config, parser.parse_args(argv))


@pytest.mark.parametrize(
    ('argv', 'folder'),
    [((), None), (('--save-all',), 'all-images'), (('--save-all', 'x'), 'x'), (('--save-all=y',), 'y')],
)
def test_save_all_takes_an_optional_folder(argv, folder):
    options = parsed(ShowOptions, *argv)
    assert options.save_all == folder
    assert options.active == (folder is not None)


def test_paths():
    assert ShowOptions(save_all='x', show_file_extension='png').path('a.b') == Path('x/a.b.png')
    assert ShowOptions(show=True).path('a') is None


def test_white_overlay_has_a_usual_value():
    assert parsed(ShowOptions, '--white-overlay').white_overlay == 0.5
    assert parsed(ShowOptions, '--white-overlay=0.2').white_overlay == 0.2


@pytest.mark.parametrize(
    'options',
    [{'image_width': 0.0}, {'line_width': -1.0}, {'image_dpi_factor': 0.0}, {'textbox_alpha': 1.5}, {'font_size': -1.0},
     {'white_overlay': -0.1}, {'image_height': -2.0}, {'image_min_dpi': 0.0}],
)  # fmt: skip
def test_numbers_that_make_no_picture(options):
    name = next(iter(options)).replace('_', '-')
    with pytest.raises(ValueError, match=f'--{name} is '):
        ShowOptions(**options)


def test_debug_indices():
    assert parsed(DebugOptions, '--debug-indices', 'cif:5', 'caf:5').debug_indices == ('cif:5', 'caf:5')
    for wrong in ('cif', 'cif:', 'cif:5:6', 'cif:5:hr:x'):
        with pytest.raises(ValueError, match=f"--debug-indices '{wrong}' names no"):
            parsed(DebugOptions, '--debug-indices', wrong)


def test_plots_that_nobody_sees_are_refused():
    debug = DebugOptions(debug_images=True)
    with pytest.raises(ValueError, match='Add --save-all or --show'):
        debug.check(ShowOptions())
    debug.check(ShowOptions(save_all='x'))
    DebugOptions().check(ShowOptions())


def test_a_place_without_plots_is_refused():
    for show in (ShowOptions(save_all='x'), ShowOptions(show=True)):
        with pytest.raises(ValueError, match=r'have nothing to show\. Add --debug-images'):
            DebugOptions().check(show, others=False)
        DebugOptions().check(show)
        DebugOptions(debug_images=True).check(show, others=False)
