"""A checkpoint as an ONNX file in inference layout, compared with torch before it is kept."""

import importlib
import os
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from . import version
from .checkpoint import Checkpoint
from .exported import IMAGES, Exported
from .files import atomic_path
from .network import Network
from .predictor import trained_resample

OPSET = 20
CHECKED = (1, 65, 97), (2, 129, 49)
"""Batch, height and width of what both are given; the network is traced at another size, so that none is baked in."""
_TRACED = 2, 81, 113
_TOLERANCE = 1e-3  # in cells and of confidence: another order of additions
_NEEDED = ('onnx', 'onnxscript', 'onnxruntime')


def to_onnx(loaded: Checkpoint, path: str | os.PathLike[str]) -> Exported:
    """Write the network of a checkpoint, whole or not at all.

    The file takes uint8 RGB images [B, 3, H, W] of any batch size, height and width of 16 * n + 1, and gives one field
    [B, F, C, h, w] float32 in inference layout a head. Its metadata is what the result says.

    Args:
        loaded: its network is on the CPU and in eval mode.
        path: the file.

    Raises:
        ValueError: a library is missing, or the file computes something else than torch does.
        OSError: the file cannot be written.
    """
    _check_libraries()
    exported = Exported(
        tuple(loaded.network.metas), loaded.basenet, loaded.epoch, trained_resample(loaded), version.version()
    )
    network = _Inference(loaded.network).eval()
    program = torch.onnx.export(
        network,
        (_images(*_TRACED),),
        input_names=[IMAGES],
        output_names=list(exported.outputs),
        dynamic_shapes={IMAGES: {0: torch.export.Dim('batch'), 2: _side('rows'), 3: _side('columns')}},
        opset_version=OPSET,
        verbose=False,
    )
    assert program is not None, 'only the older exporter gives none'
    program.model.metadata_props.update(exported.to_metadata())
    with atomic_path(path) as temporary:
        program.save(str(temporary), external_data=False)
        _compare(network, temporary, exported)
    return exported


class _Inference(nn.Module):
    """From pixels to what decoders read."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """RGB images uint8 [B, 3, H, W] -> fields, one [B, F, C, h, w] a head."""
        return tuple(self.network.predict(self.network.normalize(images)))


def _check_libraries() -> None:
    for name in _NEEDED:
        try:
            importlib.import_module(name)
        except ImportError as error:
            raise ValueError(f"exporting needs {name}. Run pip install 'pifpaf-core[export]'") from error


def _side(name: str) -> object:
    return 16 * torch.export.Dim(name, min=1) + 1


def _images(batch: int, height: int, width: int) -> Tensor:
    """[B, 3, H, W] noise, the same each time."""
    generator = torch.Generator().manual_seed(height)
    return torch.randint(0, 256, (batch, 3, height, width), dtype=torch.uint8, generator=generator)


def _compare(network: nn.Module, file: Path, exported: Exported) -> None:
    """Raise a `ValueError` where the file and torch disagree."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(file), providers=['CPUExecutionProvider'])
    if Exported.from_metadata(session.get_modelmeta().custom_metadata_map) != exported:
        raise ValueError('the exported metadata reads back as something else. Report this with the checkpoint')
    for size in CHECKED:
        images = _images(*size)
        with torch.inference_mode():
            expected = network(images)
        given = session.run(list(exported.outputs), {IMAGES: images.numpy()})
        for name, ours, theirs in zip(exported.outputs, expected, given, strict=True):
            same = ours.shape == theirs.shape
            if not same or not np.allclose(ours.numpy(), theirs, rtol=_TOLERANCE, atol=_TOLERANCE, equal_nan=True):
                raise ValueError(
                    f'the exported network differs from torch in {name} at {size[1]}x{size[2]} pixels and is not '
                    'kept. Try other versions of torch and onnxruntime'
                )
