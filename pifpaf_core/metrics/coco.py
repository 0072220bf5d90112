"""COCO's average precision and recall of keypoints and boxes, by pycocotools. FIELDS section 13."""

import contextlib
import io
import os
from collections.abc import Callable, Collection, Sequence
from typing import Any, ClassVar, Protocol

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from ..annotation import Annotation
from ..files import write_atomically
from .coco_truth import read_truth
from .submission import predictions_json, write_zip

Record = dict[str, Any]


class Identified(Protocol):
    """What knows the id of an image, e.g. the meta of a network input."""

    @property
    def image_id(self) -> int:
        """COCO's id of the image."""


class CocoMetric:
    """What keypoints and boxes have in common.

    Args:
        annotation_file: path of the COCO file; without annotations in it there are predictions but no stats.
        categories: ids of the categories to compare; None compares all.
    """

    iou_type: ClassVar[str]
    text_labels: ClassVar[tuple[str, ...]]
    max_detections: ClassVar[int]
    keys: ClassVar[tuple[str, ...]]

    def __init__(self, annotation_file: str | os.PathLike[str], *, categories: Collection[int] | None = None) -> None:
        self._file = annotation_file
        self._categories = categories
        self._image_ids: list[int] = []
        self._records: list[Record] = []

    def accumulate(self, annotations: Sequence[Annotation], meta: Identified) -> None:
        """Take the annotations of one image, in original pixels and decoder order; ``max_detections`` of them count."""
        first = annotations[: self.max_detections]
        self.accumulate_records([annotation.to_coco() for annotation in first], image_id=meta.image_id)

    def accumulate_records(self, records: Sequence[Record], *, image_id: int) -> None:
        """Take COCO result records of one image; pycocotools compares the ``max_detections`` of highest score."""
        self._image_ids.append(image_id)
        kept = [{'image_id': image_id, **{key: record[key] for key in self.keys}} for record in records]
        self._records += kept or self._placeholder(image_id)

    def _placeholder(self, image_id: int) -> list[Record]:
        """Records that stand for an image without detections."""
        return []

    @property
    def predictions(self) -> list[Record]:
        """COCO result records of all images, in the order in which they came."""
        return self._records

    def stats(self) -> dict[str, Any]:
        """``stats`` and ``text_labels`` over the images so far; both are empty if there is nothing to compare with.

        Raises:
            ValueError: the annotation file is missing or damaged.
        """
        truth = self._truth()
        if not truth['annotations'] or not self._records:
            empty = {'stats': [0.0] * len(self.text_labels), 'text_labels': list(self.text_labels)}
            return empty if truth['annotations'] and self._image_ids else {'stats': [], 'text_labels': []}
        with contextlib.redirect_stdout(io.StringIO()):  # pycocotools prints as it goes
            evaluation = self._evaluation(truth)
            evaluation.evaluate()
            evaluation.accumulate()
            evaluation.summarize()
        return {'stats': [float(value) for value in evaluation.stats], 'text_labels': list(self.text_labels)}

    def _truth(self) -> Record:
        return read_truth(self._file, self._categories)

    def _evaluation(self, truth: Record) -> Any:
        coco = COCO()
        coco.dataset = truth
        coco.createIndex()
        if unknown := set(self._image_ids) - set(coco.imgs):
            raise ValueError(
                f"image {min(unknown)} was predicted but is not in '{self._file}'. Give the file of the images"
            )
        evaluation = COCOeval(coco, coco.loadRes([dict(record) for record in self._records]), self.iou_type)
        evaluation.params.imgIds = sorted(set(self._image_ids))
        if self._categories is not None:
            evaluation.params.catIds = sorted(self._categories)
        return evaluation

    def write_predictions(self, prefix: str) -> list[str]:
        """Write ``<prefix>.predictions.json`` and ``<prefix>.zip``, which holds exactly ``predictions.json``.

        Returns:
            Both paths.

        Raises:
            OSError: a file cannot be written.
        """
        paths = [f'{prefix}.predictions.json', f'{prefix}.zip']
        write_atomically(paths[0], predictions_json(self._records))
        write_zip(paths[1], self._records)
        return paths


class CocoKeypoints(CocoMetric):
    """Object keypoint similarity. Arguments as `CocoMetric`, and the sigmas.

    Args:
        annotation_file: see `CocoMetric`.
        sigmas: K of the skeleton; None takes COCO's for persons.
        categories: ids of the categories that have the skeleton, None for all. They count as one, the first.
        convert: brings an annotation file of another layout into COCO's.
    """

    iou_type = 'keypoints'
    text_labels = ('AP', 'AP0.5', 'AP0.75', 'APM', 'APL', 'AR', 'AR0.5', 'AR0.75', 'ARM', 'ARL')
    max_detections = 20
    keys = ('category_id', 'keypoints', 'score')

    def __init__(
        self,
        annotation_file: str | os.PathLike[str],
        *,
        sigmas: Sequence[float] | None = None,
        categories: Collection[int] | None = (1,),
        convert: Callable[[Record], Record] | None = None,
    ) -> None:
        super().__init__(annotation_file, categories=categories)
        self._sigmas = sigmas
        self._category = min(categories or (1,))
        self._convert = convert

    def accumulate_records(self, records: Sequence[Record], *, image_id: int) -> None:
        """Take COCO result records of one image; see `CocoMetric`."""
        super().accumulate_records([{**r, 'category_id': self._category} for r in records], image_id=image_id)

    def _placeholder(self, image_id: int) -> list[Record]:
        n_keypoints = len(self._sigmas) if self._sigmas is not None else 17
        return [
            {
                'image_id': image_id,
                'category_id': self._category,
                'keypoints': [0.0] * (3 * n_keypoints),
                'score': 0.001,
            }
        ]

    def _truth(self) -> Record:
        truth = read_truth(self._file, self._categories, convert=self._convert)
        one = [{**annotation, 'category_id': self._category} for annotation in truth['annotations']]
        return {**truth, 'annotations': one}

    def _evaluation(self, truth: Record) -> Any:
        evaluation = super()._evaluation(truth)
        evaluation.params.catIds = [self._category]
        if self._sigmas is not None:
            evaluation.params.kpt_oks_sigmas = np.array(self._sigmas)
        return evaluation


class CocoDetection(CocoMetric):
    """Intersection over union of boxes. Arguments as `CocoMetric`."""

    iou_type = 'bbox'
    text_labels = ('AP', 'AP0.5', 'AP0.75', 'APS', 'APM', 'APL', 'ART1', 'ART10', 'AR', 'ARS', 'ARM', 'ARL')
    max_detections = 100
    keys = ('category_id', 'bbox', 'score')
