"""A network learns the boxes of twelve images by heart: the whole of detection, with one figure."""

import json
import os
from pathlib import Path

import pytest
from instances import files

from pifpaf_core import eval, train

EDGE = 193


@pytest.mark.nightly
@pytest.mark.timeout(3600)
def test_twelve_photographs(shared, tmp_path):
    """Twelve photographs of COCO, at the size of training, without augmentation. A box AP of 0.903 was seen."""
    source = shared / 'data/coco-real'
    document = json.loads((source / 'annotations/instances_train2017.json').read_text())
    crowded = {a['image_id'] for a in document['annotations'] if a.get('iscrowd')}
    counts = {i['id']: sum(a['image_id'] == i['id'] for a in document['annotations']) for i in document['images']}
    few = sorted((i for i in document['images'] if i['id'] not in crowded), key=lambda i: (counts[i['id']], i['id']))
    document['images'] = [image for image in few if counts[image['id']]][:12]
    kept = {image['id'] for image in document['images']}
    document['annotations'] = [a for a in document['annotations'] if a['image_id'] in kept]
    path = tmp_path / 'data.json'
    path.write_text(json.dumps(document))
    (tmp_path / 'images').symlink_to(source / 'images/train2017')
    epochs = int(os.environ.get('PIFPAF_OVERFIT_EPOCHS', '1000'))
    output = tmp_path / 'model'
    shared_flags = ['--dataset=cocodet', *files('cocodet', path), '--loader-workers=0', '--quiet']
    argv = [
        *('--basenet=tiny', '--cocodet-upsample=2', '--cocodet-no-augmentation', f'--cocodet-square-edge={EDGE}'),
        *('--batch-size=4', f'--epochs={epochs}', '--adam', '--lr=0.002', '--lr-warm-up-epochs=5'),
        *('--lr-decay', str(int(0.8 * epochs)), '--lr-decay-epochs=10', f'--val-interval={epochs}'),
        *('--recalibrate-batch-norm=3', '--state-interval=100', f'--output={output}'),
    ]
    assert train.main([*shared_flags, *argv]) == 0
    last = f'{output}.epoch{epochs:03d}.safetensors'
    argv = [f'--checkpoint={last}', '--decoder=cifdet:0', f'--long-edge={EDGE}', '--eval-padding=square']
    assert eval.main([*shared_flags, *argv]) == 0
    stats = json.loads(Path(f'{last}.eval-cocodet.stats.json').read_text())
    figures = dict(zip(stats['text_labels'], stats['stats'], strict=True))
    print(f'box AP on twelve photographs learnt by heart: {figures}')
    assert figures['AP'] >= 0.85 and figures['AP0.5'] >= 0.95
