"""Video files: their frames, and what is found in them, as JSON and drawn into a copy; few frames are in memory."""

import contextlib
import json
from collections import deque
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import TextIO

import cv2
import numpy as np

from .annotation import Array
from .files import atomic_path
from .predictor import Predictor
from .visualize.options import ShowOptions
from .visualize.poses import drawn_poses

SUFFIXES = frozenset(('.mp4', '.m4v', '.mov', '.avi', '.mkv', '.webm', '.mpg', '.mpeg'))
"""What counts as a video."""

WRITTEN = {'.mp4': 'mp4v', '.avi': 'MJPG'}
"""Formats of annotated videos, and their codecs."""

_COMPLETE = 0.9  # of the frames that the file announces, which some formats only estimate


def is_video(path: str | Path) -> bool:
    """Whether a name is that of a video."""
    return Path(path).suffix.lower() in SUFFIXES


class Video:
    """A video file that is read frame by frame, once.

    Attributes:
        path: of the file.
        rate: frames a second.

    Raises:
        OSError: the file is missing, or no video that can be read.
    """

    def __init__(self, path: str) -> None:
        if not Path(path).is_file():
            raise FileNotFoundError(f"video '{path}' is missing. Correct the name, or leave it out")
        self.path = path
        self._capture = cv2.VideoCapture(path)
        if not self._capture.isOpened():
            raise OSError(f"video '{path}' cannot be read. Convert it to another format, or leave it out")
        self.rate = self._capture.get(cv2.CAP_PROP_FPS) or 25.0
        self._announced = self._capture.get(cv2.CAP_PROP_FRAME_COUNT)

    def __enter__(self) -> 'Video':
        return self

    def __exit__(self, *_: object) -> None:
        self._capture.release()

    def frames(self) -> Iterator[Array]:
        """The frames, [H, W, 3] uint8 RGB, upright.

        Raises:
            OSError: the file ends early.
        """
        n = 0
        while (read := self._capture.read())[0]:
            n += 1
            yield cv2.cvtColor(read[1], cv2.COLOR_BGR2RGB)
        if not n or n < _COMPLETE * self._announced:
            raise OSError(
                f"video '{self.path}' ends after {n} of {self._announced:.0f} frames: it is damaged. Fetch it again, "
                'or convert it'
            )


def predict_video(
    predictor: Predictor, path: str, *, json_path: Path | None, drawn_path: Path | None, show: ShowOptions
) -> tuple[int, int]:
    """Predict the frames of a video.

    Args:
        predictor: an observer of it sees frames under the name of the video, with the number of the frame.
        path: of the video.
        json_path: becomes a list with one object a frame: ``frame``, from 0, and ``predictions`` as of an image.
        drawn_path: becomes a copy of the video with the annotations drawn into it.
        show: how they look.

    Returns:
        Numbers of frames and of annotations.

    Raises:
        OSError, ValueError: the video cannot be read to its end, or an output not be written. Then there are none.
    """
    frames = annotated = 0
    with contextlib.ExitStack() as stack:
        video = stack.enter_context(Video(path))
        records = None if json_path is None else stack.enter_context(_json_list(json_path))
        drawn = None if drawn_path is None else stack.enter_context(_Writer(drawn_path, video.rate))
        waiting: deque[Array] = deque()  # frames whose annotations are not known yet: as many as are read ahead
        makers = (
            partial(predictor.preprocess, frame, file_name=_frame_name(path, number))
            for number, frame in enumerate(_kept(video.frames(), waiting, keep=drawn is not None))
        )
        for annotations, _ in predictor.predict_samples(makers):
            if records is not None:
                predictions = [annotation.to_coco() for annotation in annotations]
                separator = ',\n' if frames else '\n'
                records.write(separator + json.dumps({'frame': frames, 'predictions': predictions}))
            if drawn is not None:
                drawn.write(drawn_poses(waiting.popleft(), annotations, options=show))
            frames, annotated = frames + 1, annotated + len(annotations)
    return frames, annotated


def _kept(frames: Iterable[Array], waiting: deque[Array], *, keep: bool) -> Iterator[Array]:
    """The frames; with ``keep``, each is put into ``waiting`` too."""
    for frame in frames:
        if keep:
            waiting.append(frame)
        yield frame


def _frame_name(path: str, number: int) -> str:
    return str(Path(path).with_stem(f'{Path(path).stem}.{number:06d}'))


@contextlib.contextmanager
def _json_list(path: Path) -> Iterator[TextIO]:
    """A file to which members of a JSON list are written one by one."""
    with atomic_path(path) as temporary, temporary.open('w', encoding='utf-8') as file:
        file.write('[')
        yield file
        file.write('\n]\n')


class _Writer(contextlib.AbstractContextManager['_Writer']):
    """Writes frames of equal size into a video, which is whole or not there."""

    def __init__(self, path: Path, rate: float) -> None:
        self._path, self._rate = path, rate
        self._video: cv2.VideoWriter | None = None
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> '_Writer':
        self._temporary = self._stack.enter_context(atomic_path(self._path))
        self._written = Path(f'{self._temporary}{self._path.suffix}')  # its suffix says what OpenCV makes of it
        self._stack.callback(self._written.unlink, missing_ok=True)
        return self

    def __exit__(self, *error: object) -> bool | None:
        if self._video is not None:
            self._video.release()
        if error[0] is None and self._written.exists():
            self._written.replace(self._temporary)
        return self._stack.__exit__(*error)  # type: ignore[arg-type]

    def write(self, frame: Array) -> None:
        """Add a frame [H, W, 3] uint8 RGB.

        Raises:
            OSError: the video cannot be written.
        """
        if self._video is None:
            size = frame.shape[1], frame.shape[0]
            code = cv2.VideoWriter.fourcc(*WRITTEN[self._path.suffix.lower()])
            self._video = cv2.VideoWriter(str(self._written), code, self._rate, size)
            if not self._video.isOpened():
                raise OSError(f"video '{self._path}' cannot be written. Choose another name or format")
        self._video.write(np.ascontiguousarray(frame[..., ::-1]))
