import pytest
from torch import nn

from pifpaf_core.backbones.normalization import set_normalization_defaults


@pytest.mark.parametrize(
    ('layer', 'eps', 'momentum'),
    [
        (nn.BatchNorm2d(4), 1e-3, 0.01),
        (nn.BatchNorm2d(4, eps=1e-2), 1e-2, 0.01),
        (nn.InstanceNorm2d(4), 1e-4, 0.01),
        (nn.GroupNorm(2, 4), 1e-4, None),
        (nn.LayerNorm(4, eps=1e-6), 1e-4, None),
    ],
)
def test_eps_and_momentum(layer, eps, momentum):
    """FIELDS section 3."""
    set_normalization_defaults(nn.Sequential(nn.ReLU(), layer))
    assert layer.eps == eps
    assert getattr(layer, 'momentum', None) == momentum
