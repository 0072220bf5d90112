"""Find poses without torch: ``python examples/onnx_poses.py MODEL.onnx IMAGE [IMAGE ...]`` prints a JSON line an image.

The model is what ``pifpaf export onnx`` writes. This needs pifpaf_core, numpy, numba, opencv and onnxruntime.
"""

import json
import sys

import onnxruntime

from pifpaf_core.datasets.images import read_image
from pifpaf_core.decoders import DecoderOptions, decoders
from pifpaf_core.exported import IMAGES, Exported


def main(model: str, images: list[str]) -> None:
    """Predict poses, and boxes if the network has them."""
    session = onnxruntime.InferenceSession(model, providers=['CPUExecutionProvider'])
    exported = Exported.from_metadata(session.get_modelmeta().custom_metadata_map)
    find = decoders(exported.metas, DecoderOptions())
    for path in images:
        sample = exported.preprocess(read_image(path))
        fields = [field[0] for field in session.run(None, {IMAGES: sample.image.transpose(2, 0, 1)[None]})]
        found = [annotation.inverse(sample.meta.matrix) for decoder in find for annotation in decoder(fields)]
        print(json.dumps({'image': path, 'predictions': [annotation.to_coco() for annotation in found]}))


if __name__ == '__main__':
    main(sys.argv[1], sys.argv[2:])
