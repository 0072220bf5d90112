"""Find the poses in photographs from Python: ``python examples/find_poses.py CHECKPOINT IMAGE [IMAGE ...]``.

Prints, for each person, the confidence and the most confident keypoint; draws each photograph as ``<image>.poses.png``.
"""

import sys

from pifpaf_core import checkpoint
from pifpaf_core.annotation import Pose
from pifpaf_core.datasets.images import read_image
from pifpaf_core.predictor import Predictor
from pifpaf_core.visualize.poses import save_poses


def main(checkpoint_path: str, image_paths: list[str]) -> None:
    """Predict and draw."""
    predictor = Predictor(checkpoint.load(checkpoint_path), batch_size=4)
    for annotations, meta in predictor.predict_files(image_paths):
        print(f'{meta.file_name}: {len(annotations)} found in {meta.original_size[0]}x{meta.original_size[1]} pixels')
        for pose in annotations:
            if isinstance(pose, Pose):
                best = pose.keypoints[:, 2].argmax()
                x, y, confidence = pose.keypoints[best]
                name = pose.skeleton.names[best]
                print(f'  score {pose.score:.2f}, {name} at {x:.0f}, {y:.0f} with confidence {confidence:.2f}')
        save_poses(f'{meta.file_name}.poses.png', read_image(meta.file_name), annotations)

    # The same for images in memory: arrays [H, W, 3], tensors [3, H, W] or PIL images, for instance frames of a video.
    frames = (read_image(path) for path in image_paths)
    print(sum(len(annotations) for annotations, _ in predictor.predict_images(frames)), 'found in all')


if __name__ == '__main__':
    main(sys.argv[1], sys.argv[2:])
