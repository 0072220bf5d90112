"""What an exported network says about itself: all that is needed around it, without torch."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from .headmeta import HeadMeta, head_meta_from_dict
from .transforms import Preprocess
from .transforms.warp import Resample

FORMAT = 1
KEY = 'pifpaf'
"""Of the metadata inside the exported file; the value is one JSON object."""

IMAGES = 'images'
"""Name of the one input: RGB, uint8 [B, 3, H, W] with H and W of the form 16 * n + 1. Normalization is inside."""


@dataclass(frozen=True)
class Exported:
    """An exported network without its weights.

    Attributes:
        metas: heads in the order of the outputs, bound. Output i is a field [B, F, C, h, w] float32 in inference
            layout, as `decoders.decoders` of these metas take it.
        basenet: name of the backbone.
        epoch: epochs that it was trained for.
        resample: how images were resized in training.
        version: of this library when it was exported.
    """

    metas: tuple[HeadMeta, ...]
    basenet: str
    epoch: int
    resample: Resample
    version: str

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the outputs, e.g. ``cocokp_cif``: data set and head, as an identifier."""
        return tuple(re.sub(r'\W', '_', f'{meta.dataset}_{meta.name}') for meta in self.metas)

    @property
    def preprocess(self) -> Preprocess:
        """Images as the network was trained to see them, in their own size, padded to 16 * n + 1."""
        return Preprocess(resample=self.resample)

    def to_metadata(self) -> dict[str, str]:
        """Metadata for the file; inverse of `from_metadata`. ``strides`` are pixels a cell, one a head."""
        data = {
            'format': FORMAT,
            'basenet': self.basenet,
            'epoch': self.epoch,
            'resample': self.resample,
            'version': self.version,
            'outputs': self.outputs,
            'strides': [meta.stride for meta in self.metas],
            'metas': [meta.to_dict() for meta in self.metas],
        }
        return {KEY: json.dumps(data)}

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, str]) -> 'Exported':
        """What a file's metadata says, e.g. ``session.get_modelmeta().custom_metadata_map`` of onnxruntime.

        Raises:
            ValueError: no metadata of ours, of another format, or damaged.
        """
        if KEY not in metadata:
            raise ValueError(f"the model has no '{KEY}' metadata. Take one that pifpaf export wrote")
        try:
            data = json.loads(metadata[KEY])
            if data['format'] != FORMAT:
                raise ValueError(f'it has format {data["format"]} and this pifpaf-core reads {FORMAT}')
            metas = tuple(_bound(head_meta_from_dict(meta)) for meta in data['metas'])
            resample = data['resample']
            if resample not in ('linear', 'area'):
                raise ValueError(f"it was resampled by '{resample}'")
            return cls(metas, str(data['basenet']), int(data['epoch']), resample, str(data['version']))
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
            reason = f'it lacks {error}' if isinstance(error, KeyError) else ' '.join(str(error).split())
            raise ValueError(f'the metadata of the model cannot be used: {reason}. Export it again') from error


def _bound(meta: HeadMeta) -> HeadMeta:
    if not isinstance(meta.index, int) or not isinstance(meta.base_stride, int) or meta.base_stride < meta.upsample:
        raise ValueError(f"head '{meta.name}' does not say where it belongs")
    return meta
