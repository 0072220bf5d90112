"""One checkpoint and one data set to statistics, predictions and a zip. FIELDS sections 11 and 13."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from . import version
from .datasets.module import EvalSamples, Metric
from .files import write_atomically
from .network import Network
from .predictor import Prediction, Predictor
from .readers import is_remote
from .transforms import Sample

COUNT_SIZE = 641
"""Width and height in pixels of the image for which operations are counted."""


@dataclass(frozen=True)
class Evaluation:
    """The result of one checkpoint on one data set.

    Attributes:
        stats: numbers of the metric.
        text_labels: their names.
        dataset: name of the data module.
        checkpoint: as given.
        epoch: of the checkpoint.
        n_images: evaluated.
        total_time: seconds for all, with reading and the metric.
        nn_time: seconds in the network.
        decoder_time: seconds in the decoders, added up over threads.
        count_ops: giga multiply-accumulates at 641 x 641 pixels, and number of parameters.
        file_size: bytes of the checkpoint; 0 if it is no local file.
    """

    stats: list[float]
    text_labels: list[str]
    dataset: str
    checkpoint: str
    epoch: int
    n_images: int
    total_time: float
    nn_time: float
    decoder_time: float
    count_ops: tuple[float, int]
    file_size: int

    @property
    def images_per_second(self) -> float:
        """Images evaluated a second, all included."""
        return self.n_images / self.total_time if self.total_time else 0.0

    def to_json(self, options: dict[str, Any]) -> str:
        """The ``.stats.json`` of this result; ``options`` are those of the command."""
        args = {name.replace('-', '_'): value for name, value in options.items()}
        return json.dumps({**self.__dict__, 'args': args, 'version': version.version()}, indent=2) + '\n'


def evaluate(
    predictor: Predictor,
    samples: EvalSamples,
    metric: Metric,
    *,
    checkpoint: str,
    epoch: int,
    dataset: str,
    progress: Callable[[Iterator[Prediction], int], Iterator[Prediction]] | None = None,
) -> Evaluation:
    """Predict ``samples`` and compare with the ground truth by ``metric``, which keeps the predictions.

    Args:
        predictor: with the network of the checkpoint.
        samples: images to evaluate.
        metric: empty.
        checkpoint: name of the checkpoint, for the record.
        epoch: of the checkpoint.
        dataset: name of the data module.
        progress: passes on predictions, of which there will be so many, and shows how far they are.

    Raises:
        OSError, ValueError: an image cannot be used. Statistics over the others would look like those over all.
    """
    start = time.perf_counter()
    makers = (_maker(samples, index) for index in range(len(samples)))
    predictions = predictor.predict_samples(makers)
    for annotations, meta in progress(predictions, len(samples)) if progress else predictions:
        metric.accumulate(annotations, meta)
    result = metric.stats()
    return Evaluation(
        stats=[float(value) for value in result['stats']],
        text_labels=list(result['text_labels']),
        dataset=dataset,
        checkpoint=checkpoint,
        epoch=epoch,
        n_images=len(samples),
        total_time=time.perf_counter() - start,
        nn_time=predictor.times.network,
        decoder_time=predictor.times.decoder,
        count_ops=count_ops(predictor.network),
        file_size=Path(checkpoint).stat().st_size if Path(checkpoint).is_file() else 0,
    )


def result_prefix(checkpoint: str, dataset: str, output: str | None) -> str:
    """Path of the results without ``.stats.json``, ``.predictions.json`` and ``.zip``.

    Args:
        checkpoint: path or name.
        dataset: name of the data module.
        output: the prefix itself, or a folder (ending with a slash, or existing); None is beside the checkpoint, or in
            the working folder if the checkpoint lies afar.
    """
    name = f'{Path(checkpoint).name}.eval-{dataset}'
    if output is None:
        return name if is_remote(checkpoint) else str(Path(checkpoint).with_name(name))
    return str(Path(output, name)) if output.endswith('/') or Path(output).is_dir() else output


def write_results(
    evaluation: Evaluation, metric: Metric, prefix: str, *, options: dict[str, Any], predictions: bool
) -> list[str]:
    """Write ``<prefix>.stats.json`` and, first, the predictions and the zip if asked for. Returns their paths.

    Raises:
        OSError: a file cannot be written.
    """
    written = metric.write_predictions(prefix) if predictions else []
    stats = f'{prefix}.stats.json'
    write_atomically(stats, evaluation.to_json(options))
    return [*written, stats]


def count_ops(network: Network) -> tuple[float, int]:
    """Giga multiply-accumulates of one image of 641 x 641 pixels, and the number of parameters. Nothing is computed."""
    state = {name: tensor.to('meta') for name, tensor in network.state_dict(keep_vars=True).items()}
    images = torch.zeros(1, 3, COUNT_SIZE, COUNT_SIZE, device='meta')
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        torch.func.functional_call(network, state, (images,))
    return counter.get_total_flops() / 2e9, sum(parameter.numel() for parameter in network.parameters())


def _maker(samples: EvalSamples, index: int) -> Callable[[], Sample]:
    return lambda: samples[index]
