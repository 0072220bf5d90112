"""Photographs in base64 to poses: the program of a model in MLflow's registry.

`servable.save` copies this file into the model and MLflow runs the copy, so it imports nothing of `components`; of our
own it needs the wheel. Nothing is unpickled: the weights are the checkpoint, a safetensors file.
"""

import base64
import binascii
import io
from collections.abc import Iterator
from functools import partial
from typing import Any

import mlflow.models
import pandas
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE
from mlflow.pyfunc import PythonModel, PythonModelContext

MAX_BYTES = 32 * 2**20
"""Of an image file. A server reads each request as a whole: this bounds what an image costs, not a request."""

MAX_PIXELS = 50_000_000
"""Of an image: 150 MB in memory. The header is asked before anything is decoded."""

_FORMATS = ('JPEG', 'PNG', 'WEBP', 'BMP', 'TIFF')


class PoseModel(PythonModel):  # type: ignore[misc]
    """Finds poses, and boxes where the network has such heads, as the evaluation of the checkpoint did."""

    def load_context(self, context: PythonModelContext) -> None:
        """Read the checkpoint; ``context.model_config`` is as `servable.save` wrote it."""
        from pifpaf_core import checkpoint
        from pifpaf_core.decoders import DecoderOptions
        from pifpaf_core.inputs import InputOptions
        from pifpaf_core.predictor import Predictor, trained_resample
        from pifpaf_core.transforms import Preprocess

        config = context.model_config
        inputs = InputOptions(**config['inputs'])
        decoder: dict[str, Any] = {
            name: tuple(v) if isinstance(v, list) else v for name, v in config['decoder'].items()
        }
        loaded = checkpoint.load(context.artifacts['checkpoint'])
        preprocess = Preprocess(inputs.long_edge, inputs.padding, trained_resample(loaded))
        self._predictor = Predictor(
            loaded,
            decoder_options=DecoderOptions(**decoder),
            preprocess=inputs.adjusted(preprocess),
            device=inputs.device,
        )

    def predict(
        self, context: PythonModelContext, model_input: pandas.DataFrame, params: Any = None
    ) -> list[dict[str, Any]]:
        """Predict images, one after another, so that few are in memory.

        Args:
            context: MLflow's.
            model_input: a DataFrame with the column ``image``: JPEG, PNG, WebP, BMP or TIFF files in base64.
            params: there are none.

        Returns:
            One object a row; its ``annotations`` are what `Annotation.to_coco` makes, in pixels of the image.

        Raises:
            MlflowException: an image cannot be used; a server answers 400 with its number, the problem and the remedy.
        """
        images = self._images(model_input['image'].tolist())
        return [
            {'annotations': [annotation.to_coco() for annotation in found]}
            for found, _ in self._predictor.predict_images(images)
        ]

    @staticmethod
    def _images(texts: list[str]) -> Iterator[Any]:
        from pifpaf_core.datasets.images import read_image

        for number, text in enumerate(texts):
            try:
                content = decoded(text)
                check_size(content)
                yield read_image(f'number {number}', read=partial(bytes, content))
            except (ValueError, OSError) as error:
                problem = str(error) if isinstance(error, OSError) else f"image 'number {number}' {error}"
                raise MlflowException(problem, error_code=INVALID_PARAMETER_VALUE) from None


def decoded(text: str) -> bytes:
    """The file that a text in base64 holds.

    Raises:
        ValueError: it holds none, or one that is too large.
    """
    if len(text) > 4 * (MAX_BYTES // 3 + 1):
        raise ValueError(f'has more than {MAX_BYTES} bytes. Send a smaller file')
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("is not base64. Send what 'base64 -w0 FILE' prints, without a prefix") from None


def check_size(content: bytes) -> None:
    """Look at the header of an image file.

    Raises:
        ValueError: it is none, or one with too many pixels.
    """
    import PIL.Image

    try:
        with PIL.Image.open(io.BytesIO(content), formats=_FORMATS) as image:
            width, height = image.size
    except PIL.Image.DecompressionBombError:
        width = height = MAX_PIXELS
    except Exception:  # Pillow's readers raise what their parts raise
        raise ValueError(f'is no image. Send one of {", ".join(_FORMATS)}') from None
    if width * height > MAX_PIXELS:
        raise ValueError(f'has more than {MAX_PIXELS} pixels. Scale it down')


mlflow.models.set_model(PoseModel())
