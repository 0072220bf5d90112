"""Images and annotations of a COCO file as compact arrays, checked record by record."""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ..annotation import GroundTruth
from ..readers import join
from ..readers.cache import DataCache
from ..readers.folder import Folder
from .coco_checks import check_records, read_json
from .images import read_image

Array = npt.NDArray[Any]
Record = Mapping[str, Any]
Converter = Callable[[dict[str, Any]], dict[str, Any]]

_READ_AT_ONCE = 50  # images of which all are read before a training starts


@dataclass(frozen=True, eq=False)
class CocoImages:
    """M images and their A annotations. Arrays and not objects, so that forked workers share the memory.

    Attributes:
        annotation_file: where the records came from, for messages.
        image_dir: folder that the file names are relative to, a path or an address.
        ids: [M] int64, COCO's image ids.
        names: M file names.
        sizes: [M, 2] int64, width and height in pixels as the records say.
        first: [M + 1] int64; the annotations of image i are rows ``first[i]`` to ``first[i + 1]`` of ``truth``.
        truth: A instances in pixels of their images.
        folder: reads the image files; see `cached`.
    """

    annotation_file: str
    image_dir: str
    ids: Array
    names: tuple[str, ...]
    sizes: Array
    first: Array
    truth: GroundTruth
    folder: Folder

    def __len__(self) -> int:
        return len(self.names)

    def path(self, index: int) -> str:
        """Path of an image file."""
        return join(self.image_dir, self.names[index])

    def truth_of(self, index: int) -> GroundTruth:
        """The annotations of one image."""
        return self.truth.selected(np.arange(self.first[index], self.first[index + 1]))

    def read(self, index: int) -> Array:
        """The pixels of an image: [H, W, 3] uint8 RGB.

        Raises:
            OSError: the file cannot be used.
            ValueError: the file has another size than its record says.
        """
        image = read_image(self.path(index), lambda: self.folder.read(self.names[index]))
        found, said = (image.shape[1], image.shape[0]), tuple(self.sizes[index].tolist())
        if found != said:
            raise ValueError(
                f"image '{self.path(index)}' is {found[0]}x{found[1]} pixels, but image {self.ids[index]} in "
                f"'{self.annotation_file}' is {said[0]}x{said[1]}. Correct the record or the file"
            )
        return image

    def selected(self, keep: Array) -> 'CocoImages':
        """The images of an index array, with their annotations."""
        rows = [np.arange(self.first[i], self.first[i + 1]) for i in keep]
        first = np.concatenate([[0], np.cumsum([len(r) for r in rows])]).astype(np.int64)
        flat = np.concatenate(rows) if rows else np.zeros(0, np.int64)
        return CocoImages(
            self.annotation_file,
            self.image_dir,
            self.ids[keep],
            tuple(self.names[i] for i in keep),
            self.sizes[keep],
            first,
            self.truth.selected(flat),
            self.folder,
        )

    def cached(self, cache: DataCache | None) -> 'CocoImages':
        """The same; images that lie afar are kept in the cache."""
        return replace(self, folder=Folder(self.image_dir, cache))

    def with_keypoints(self, at_least: int) -> 'CocoImages':
        """The images with ``at_least`` so many instances, not crowds, that have a labelled keypoint."""
        labelled = (self.truth.keypoints[..., 2] > 0).any(axis=1) & ~self.truth.crowd
        return self.selected(np.flatnonzero(self._counts(labelled) >= at_least))

    def with_annotations(self) -> 'CocoImages':
        """The images with any annotation."""
        return self.selected(np.flatnonzero(np.diff(self.first) > 0))

    def _counts(self, rows: Array) -> Array:
        """[M] how many of the annotations marked in ``rows`` [A] each image has."""
        total = np.concatenate([[0], np.cumsum(rows)])
        counts: Array = total[self.first[1:]] - total[self.first[:-1]]
        return counts

    def check_files(self) -> None:
        """Look whether all image files are there, by listing folders; of a small data set also read them.

        Raises:
            OSError, ValueError: files are missing or damaged; the message names the first.
        """
        missing = self.folder.missing(self.names)
        if missing:
            raise ValueError(
                f"'{join(self.image_dir, missing[0])}' is missing, one of {len(missing)} missing of the {len(self)} "
                f"images that '{self.annotation_file}' names. Give the folder of the images, or fetch them"
            )
        if len(self) <= _READ_AT_ONCE:
            for index in range(len(self)):
                self.read(index)


def read_coco(
    annotation_file: str,
    image_dir: str,
    *,
    n_keypoints: int,
    categories: Collection[int] | None = None,
    convert: Converter | None = None,
) -> CocoImages:
    """Read and check a COCO file.

    Args:
        annotation_file: path of the JSON; a list of test images without annotations will do.
        image_dir: folder of the images.
        n_keypoints: K of the skeleton; 0 if keypoints do not matter.
        categories: ids of the categories to keep; None keeps all.
        convert: brings a document of another layout into COCO's, e.g. COCO-WholeBody's.

    Raises:
        ValueError: the file is missing or damaged or a record makes no sense; the message names the record.
    """
    document = read_json(annotation_file)
    if convert is not None:
        document = convert(document)
    check_records(document, file=annotation_file)
    rows: dict[int, list[Record]] = defaultdict(list)
    for annotation in document['annotations']:
        if categories is None or annotation['category_id'] in categories:
            rows[annotation['image_id']].append(annotation)
    images = document['images']
    ordered = [annotation for image in images for annotation in rows[image['id']]]
    return CocoImages(
        annotation_file=annotation_file,
        image_dir=image_dir,
        ids=np.array([image['id'] for image in images], np.int64),
        names=tuple(image['file_name'] for image in images),
        sizes=np.array([[image['width'], image['height']] for image in images], np.int64).reshape(-1, 2),
        first=np.cumsum([0, *(len(rows[image['id']]) for image in images)]).astype(np.int64),
        truth=_truth(ordered, n_keypoints, annotation_file),
        folder=Folder(image_dir),
    )


def _truth(annotations: list[Record], n_keypoints: int, file: str) -> GroundTruth:
    keypoints = np.zeros((len(annotations), n_keypoints, 3))
    boxes = np.zeros((len(annotations), 4))
    for i, annotation in enumerate(annotations):
        values = annotation.get('keypoints')
        if values and n_keypoints:
            if len(values) != 3 * n_keypoints:
                raise ValueError(
                    f"annotation {annotation['id']} in '{file}' has {len(values)} keypoint values, but a skeleton of "
                    f'{n_keypoints} keypoints needs {3 * n_keypoints}. Correct it or choose another data set'
                )
            keypoints[i] = np.asarray(values, np.float64).reshape(-1, 3)
        boxes[i] = annotation['bbox'] if 'bbox' in annotation else box_of_keypoints(keypoints[i])
    crowd = np.array([bool(annotation.get('iscrowd', 0)) for annotation in annotations], bool)
    return GroundTruth(keypoints, boxes, crowd, np.array([a['category_id'] for a in annotations], np.int64))


def box_of_keypoints(keypoints: Array) -> Array:
    """The box [4] xywh around the labelled ones of keypoints [K, 3]; zeros if there are none."""
    labelled = keypoints[keypoints[:, 2] > 0, :2]
    if not len(labelled):
        return np.zeros(4)
    low, high = labelled.min(axis=0), labelled.max(axis=0)
    return np.concatenate([low, high - low])
