"""A checkpoint as a model of MLflow: a folder that `mlflow models serve` answers photographs with."""

import argparse
import base64
import dataclasses
import importlib.metadata
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pifpaf_core.options import add_options, argv_from_mapping, from_args

LONG_EDGE = 641
"""Images are scaled to so many pixels where the evaluation was told nothing else: as the evaluation does it."""


def save(folder: Path, weights: Path, *, eval_options: Mapping[str, Any]) -> None:
    """Make the model: a copy of the weights, the program `pose_model`, signature, example and requirements.

    Args:
        folder: is made.
        weights: the checkpoint.
        eval_options: of ``pifpaf eval``; those about inputs and decoders hold for the model too, so that it finds what
            the evaluation found.

    Raises:
        ImportError: MLflow has no models here, for pandas is not installed.
    """
    from mlflow import pyfunc
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, Schema
    from mlflow.types.schema import Array, Object, Property

    numbers = Array(DataType.double)
    annotation = Object(
        [
            Property('bbox', numbers),
            Property('score', DataType.double),
            Property('category_id', DataType.long),
            Property('keypoints', numbers, required=False),
            Property('category', DataType.string, required=False),
        ]
    )
    pyfunc.save_model(
        str(folder),
        python_model=str(Path(__file__).with_name('pose_model.py')),
        artifacts={'checkpoint': str(weights)},
        signature=ModelSignature(
            Schema([ColSpec(DataType.string, 'image')]), Schema([ColSpec(Array(annotation), 'annotations')])
        ),
        input_example=_example(),
        pip_requirements=requirements(),
        model_config=config(eval_options),
    )


def config(eval_options: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """What `pose_model` is told: ``inputs`` and ``decoder``, the fields of `InputOptions` and `DecoderOptions`.

    They are written out, so that a model finds what it found when it was made, whatever becomes of the defaults.
    """
    from pifpaf_core.decoders import DecoderOptions
    from pifpaf_core.inputs import InputOptions

    parser = argparse.ArgumentParser(allow_abbrev=False)
    add_options(parser, InputOptions)
    add_options(parser, DecoderOptions)
    argv = argv_from_mapping({'long-edge': LONG_EDGE, **eval_options})
    args, _ = parser.parse_known_args(argv)  # what is left over is about something else
    return {
        'inputs': dataclasses.asdict(from_args(InputOptions, args)),
        'decoder': dataclasses.asdict(from_args(DecoderOptions, args)),
    }


def requirements() -> list[str]:
    """For pip: what the program imports, in the versions that are here."""
    names = ('pifpaf-core', 'mlflow-skinny', 'pandas', 'pillow')
    return [f'{name}=={importlib.metadata.version(name)}' for name in names]


def _example() -> Any:
    """A table with one small grey photograph."""
    import pandas
    import PIL.Image

    file = io.BytesIO()
    PIL.Image.new('RGB', (97, 65), (127, 127, 127)).save(file, 'JPEG')
    return pandas.DataFrame({'image': [base64.b64encode(file.getvalue()).decode()]})
