import importlib.util
import shutil

from oracle import Oracle, oracle_checkpoint

from pifpaf_core import checkpoint
from pifpaf_core.datasets.coco import read_coco
from pifpaf_core.datasets.images import read_image
from pifpaf_core.headmeta import Caf, Cif
from pifpaf_core.skeletons.cocokp import COCO_PERSON
from pifpaf_core.transforms import Preprocess


def test_the_example_runs(repository, tmp_path, monkeypatch, capsys):
    root = repository / 'examples/coco-eight'
    images = read_coco(f'{root}/annotations/person_keypoints_val2017.json', f'{root}/images/val2017', n_keypoints=17)
    path = tmp_path / 'photo.jpg'
    index = images.names.index('000000252219.jpg')
    shutil.copyfile(images.path(index), path)
    metas = [
        Cif(name='cif', dataset='cocokp', skeleton=COCO_PERSON),
        Caf(name='caf', dataset='cocokp', skeleton=COCO_PERSON),
    ]
    oracle = Oracle(metas, [Preprocess()(read_image(path), images.truth_of(index))])
    monkeypatch.setattr(checkpoint, 'load', lambda name: oracle_checkpoint(oracle))
    spec = importlib.util.spec_from_file_location('find_poses', repository / 'examples/find_poses.py')
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    example.main('oracle', [str(path)])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f'{path}: 3 found in 640x428 pixels'
    assert len(lines) == 5 and lines[-1] == '3 found in all'
    assert (tmp_path / 'photo.jpg.poses.png').exists()
