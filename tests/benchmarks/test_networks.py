import json

import numpy as np
import torch

from benchmarks.parity.networks import cases
from benchmarks.parity.weights import fill, probe
from pifpaf_core import backbones


def _by_name(folder):
    return {case.name: case for case in cases(folder)}


def _write(folder, name, features, state=None):
    arrays = {'first8': features[:8], 'last8': features[-8:], 'channel_mean': features.mean((1, 2))}
    np.savez(folder / 'basenets.npz', **{f'{name}/{part}': array for part, array in arrays.items()})
    if state is not None:
        (folder / 'basenets.json').write_text(json.dumps({name: {'stride': 16, 'state': state}}))


def _tiny():
    backbone = backbones.build('tiny').eval()
    state = [[key, list(tensor.shape)] for key, tensor in backbone.state_dict().items()]
    fill(backbone)
    with torch.inference_mode():
        return backbone(probe().float())[0].numpy(), state


def test_an_empty_folder_is_no_failure(tmp_path):
    assert all(case.is_absent and case.holds for case in cases(tmp_path))


def test_the_same_network_holds(tmp_path):
    _write(tmp_path, 'tiny', *_tiny())
    results = _by_name(tmp_path)
    assert {'basenets/tiny/state', 'basenets/tiny/first8', 'basenets/tiny/channel_mean'} <= set(results)
    assert all(case.holds for case in results.values())


def test_another_state_and_other_features_do_not_hold(tmp_path):
    features, state = _tiny()
    features[0, 0, 0] += 1e-3 * np.abs(features).max()
    _write(tmp_path, 'tiny', features, state[::-1])
    wrong = {name for name, case in _by_name(tmp_path).items() if not case.holds}
    assert wrong == {'basenets/tiny/state', 'basenets/tiny/first8'}


def test_a_network_that_we_lack_does_not_hold(tmp_path):
    _write(tmp_path, 'alexnet', np.zeros((16, 7, 9)))
    assert 'there is no backbone' in _by_name(tmp_path)['basenets/alexnet'].note
