"""Small data sets in COCO's format with instances of any skeleton, or boxes, and the whole way through the commands."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from oracle import Oracle, oracle_checkpoint

from pifpaf_core import eval, predict, train
from pifpaf_core.datasets import selection
from pifpaf_core.decoders import DecoderOptions
from pifpaf_core.evaluation import evaluate
from pifpaf_core.predictor import Predictor
from pifpaf_core.skeletons import Skeleton

WIDTH, HEIGHT = 257, 193


def write(root: Path, annotations: list[list[dict[str, Any]]], category: Any, name: str = 'data') -> Path:
    """A COCO file ``<name>.json`` and ``images/``: an image for each list of annotations; ids are filled in."""
    (root / 'images').mkdir(parents=True, exist_ok=True)
    images, records = [], []
    for number, found in enumerate(annotations, start=1):
        pixels = np.random.default_rng(number).integers(0, 256, (HEIGHT // 8, WIDTH // 8, 3)).astype(np.uint8)
        file_name = f'{number:03d}.jpg'
        cv2.imwrite(str(root / 'images' / file_name), cv2.resize(pixels, (WIDTH, HEIGHT)))
        images.append({'id': number, 'file_name': file_name, 'width': WIDTH, 'height': HEIGHT})
        for record in found:
            records.append({'id': len(records) + 1, 'image_id': number, 'category_id': 1, 'iscrowd': 0, **record})
    categories = category if isinstance(category, list) else [{'id': 1, **category}]
    path = root / f'{name}.json'
    path.write_text(json.dumps({'images': images, 'annotations': records, 'categories': categories}))
    return path


def upright(skeleton: Skeleton, *, left: float, top: float = 12.0, side: float = 100.0) -> dict[str, Any]:
    """An instance in the skeleton's standard pose, ``side`` pixels high or wide; the pose's y points up."""
    pose = np.array(skeleton.upright)
    scale = (side / np.ptp(pose, axis=0)).min()
    xy = np.stack([left + scale * (pose[:, 0] - pose[:, 0].min()), top + scale * (pose[:, 1].max() - pose[:, 1])], 1)
    keypoints = np.concatenate([xy.round(2), np.full((len(xy), 1), 2.0)], axis=1)
    width, height = np.ptp(xy, axis=0).round(2).tolist()
    return {
        'keypoints': [int(v) if i % 3 == 2 else float(v) for i, v in enumerate(keypoints.reshape(-1))],
        'num_keypoints': len(xy),
        'bbox': [float(left), top, width, height],
        'area': round(width * height, 2),
    }


def keypoint_folder(root: Path, skeleton: Skeleton, *, n: int = 4, **changes: Any) -> Path:
    """``n`` images with two instances each."""
    pairs = [[{**upright(skeleton, left=left + 3 * i), **changes} for left in (8, 132)] for i in range(n)]
    return write(root, pairs, {'name': 'thing', 'keypoints': list(skeleton.names)})


def box_folder(root: Path, categories: Sequence[int] = (1, 3), *, n: int = 4) -> Path:
    """``n`` images with a box of each category."""
    boxes = [
        [
            {'category_id': c, 'bbox': [10 + 120.0 * k + i, 20.0, 80.0, 60.0 + 10 * k], 'area': 80.0 * (60 + 10 * k)}
            for k, c in enumerate(categories)
        ]
        for i in range(n)
    ]
    return write(root, boxes, [{'id': c, 'name': f'category{c}'} for c in categories])


def files(name: str, path: Path) -> list[str]:
    """Flags that point all of a data set's files at ``path``."""
    return [
        *(f'--{name}-{split}-annotations={path}' for split in ('train', 'val')),
        *(f'--{name}-{split}-image-dir={path.parent / "images"}' for split in ('train', 'val')),
    ]


def through_the_commands(dataset: str, flags: Sequence[str], root: Path, *, edge: int = 65) -> dict[str, Any]:
    """Train two steps, evaluate, and predict an image; returns the statistics."""
    output = root / 'outputs' / 'model'
    shared = [f'--dataset={dataset}', '--loader-workers=0', '--quiet', *flags]
    small = ['--basenet=tiny', '--batch-size=2', f'--square-edge={edge}', '--epochs=1', '--disable-cuda']
    assert train.main([*shared, *small, f'--output={output}']) == 0
    weights = f'{output}.epoch001.safetensors'
    steps = [json.loads(line) for line in Path(f'{output}.log').read_text().splitlines()]
    assert sum(record.get('type') == 'train' for record in steps) >= 1
    assert eval.main([*shared, f'--checkpoint={weights}', '--long-edge=65', '--write-predictions']) == 0
    image = sorted(root.rglob('images/*.jpg'))[0]
    argv = [str(image), f'--checkpoint={weights}', '--quiet', '--json-output', '--image-output', '--long-edge=65']
    assert predict.main(argv) == 0
    assert isinstance(json.loads(Path(f'{image}.predictions.json').read_text()), list)
    assert Path(f'{image}.predictions.jpeg').stat().st_size > 0
    (stats,) = Path(output.parent).glob('*.stats.json')
    return json.loads(stats.read_text())


def stats_of_an_oracle(module: Any, *, long_edge: int = 513) -> dict[str, float]:
    """What the metric says of a network that predicts exactly the targets of the images to evaluate."""
    preprocess = module.eval_preprocess(long_edge=long_edge)
    samples = module.eval_samples(preprocess)
    known = Oracle(module.head_metas, (samples[i] for i in range(len(samples))))
    predictor = Predictor(
        oracle_checkpoint(known), decoder_options=DecoderOptions(), preprocess=preprocess, device='cpu'
    )
    result = evaluate(predictor, samples, module.metric(), checkpoint='oracle', epoch=7, dataset=module.name)
    return dict(zip(result.text_labels, result.stats, strict=True))


def module_of(dataset: str, flags: Sequence[str] = ()) -> Any:
    """The data module that a command line means."""
    import argparse

    parser = argparse.ArgumentParser(allow_abbrev=False)
    selection.add_options(parser)
    (module,) = selection.from_args(parser.parse_args([f'--dataset={dataset}', *flags]))
    return module
