import numpy as np
import pytest
from scenes import chain_decoder, chain_heads, coco_heads

from pifpaf_core.decoders.contract import FieldOf, image_size


def test_a_field_as_kernels_want_it():
    cif = chain_heads()[0]
    given = np.ones((3, 5, 4, 6), np.float64)[:, :, ::2]
    field = FieldOf(cif)([given])
    assert field.dtype == np.float32
    assert field.flags.c_contiguous
    assert field.shape == (3, 5, 2, 6)
    assert image_size(field, 8) == (41, 9)


@pytest.mark.parametrize('shape', [(3, 4, 5, 5), (2, 5, 5, 5), (1, 3, 5, 5, 5), (3, 5, 5), (3, 5, 0, 5)])
def test_fields_of_another_network(shape):
    with pytest.raises(ValueError, match=r"head 'cif' has shape .*Give \[3, 5, H, W\]"):
        FieldOf(chain_heads()[0])([np.zeros(shape)])


def test_too_few_fields():
    with pytest.raises(ValueError, match=r"head 'caf' is number 1\. Give those of all heads"):
        chain_decoder()([np.zeros((3, 5, 4, 4))])


def test_heads_must_be_bound():
    import dataclasses

    with pytest.raises(AssertionError, match='not bound'):
        FieldOf(dataclasses.replace(coco_heads(8)[0], index=None))
