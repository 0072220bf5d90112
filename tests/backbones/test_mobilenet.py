import pytest

from pifpaf_core import backbones


@pytest.mark.parametrize(('name', 'stride'), [('mobilenetv2', 32), ('mobilenetv3small', 16), ('mobilenetv3large', 16)])
def test_stride(name, stride):
    assert backbones.build(name, pretrain=False).stride == stride
