import json
import re
import shlex

import pytest
import yaml
from instances import keypoint_folder, module_of, stats_of_an_oracle, through_the_commands

from pifpaf_core import train
from pifpaf_core.__main__ import main
from pifpaf_core.datasets import declaration, selection
from pifpaf_core.datasets.custom import CustomOptions
from pifpaf_core.datasets.options import LoaderOptions
from pifpaf_core.skeletons import skeleton_from_tables

GECKO = skeleton_from_tables(
    [('nose', 0.05, (0.0, 2.0)), ('left_paw', 0.08, (-1.0, 0.0)), ('right_paw', 0.08, (1.0, 0.0)),
     ('tail', 0.09, (0.0, -2.0))],
    [(1, 2), (1, 3), (1, 4), (2, 4), (3, 4)],
)  # fmt: skip


@pytest.fixture
def file(tmp_path):
    """A declaration beside its images; geckos are category 7."""
    path = keypoint_folder(tmp_path, GECKO, category_id=7)
    document = json.loads(path.read_text())
    document['categories'][0]['id'] = 7
    path.write_text(json.dumps(document))
    where = {'annotations': 'data.json', 'images': 'images'}
    content = {
        'name': 'gecko',
        'keypoints': [[k.name, k.sigma, *k.upright, k.mirror] for k in GECKO.keypoints],
        'connections': [[GECKO.names[a], GECKO.names[b]] for a, b in GECKO.connections],
        'train': where,
        'val': where,
    }
    path = tmp_path / 'my-gecko.yaml'
    path.write_text(yaml.safe_dump(content))
    return path


def changed(file, **changes):
    """Another file with other content."""
    path = file.with_name('other.json')
    path.write_text(json.dumps({**yaml.safe_load(file.read_text()), **changes}))
    return path


def test_train_evaluate_predict(file):
    stats = through_the_commands(str(file), ['--custom-upsample=2'], file.parent)
    assert (stats['n_images'], stats['dataset']) == (4, 'gecko')


def test_module(file):
    module = module_of(str(file), ['--custom-upsample=4', '--custom-bmin=2', '--square-edge=129'])
    assert (module.name, module.skeleton, module.categories) == ('gecko', GECKO, None)
    assert [(meta.dataset, meta.n_fields, meta.upsample) for meta in module.head_metas] == [
        ('gecko', 4, 4),
        ('gecko', 5, 4),
    ]
    assert (module.edge, module.bmin, module.mirror) == (129, 2.0, GECKO.mirror)
    assert module.train_files == (str(file.parent / 'data.json'), str(file.parent / 'images'))


def test_right_fields_have_the_best_score(file):
    assert stats_of_an_oracle(module_of(str(file), ['--custom-upsample=2']))['AP'] > 0.99


def test_flags_win_over_the_file(file):
    flags = ['--custom-val-annotations=v.json', '--custom-train-image-dir=t', '--custom-eval-image-dir=e']
    module = module_of(str(file), flags)
    assert module.train_files == (str(file.parent / 'data.json'), 't')
    assert module.val_files == ('v.json', str(file.parent / 'images'))
    assert module.eval_files == ('v.json', 'e')


def test_images_to_evaluate(file):
    assert module_of(str(file)).eval_files == module_of(str(file)).val_files
    other = changed(file, eval={'annotations': 'test.json', 'images': 'test'})
    assert module_of(str(other)).eval_files == (str(file.parent / 'test.json'), str(file.parent / 'test'))


def test_no_images_are_declared(file):
    module = module_of(str(changed(file, train=None)))
    with pytest.raises(ValueError, match=r"'gecko' does not say where its train images are. Add train .* or --cust"):
        _ = module.train_files


def test_beside_other_data_sets(file):
    names = ['cocokp', 'gecko', 'cocodet']
    assert [module.name for module in selection.build(f'cocokp-{file}-cocodet')] == names
    assert LoaderOptions(dataset=f'cocokp-{file}-cocodet').names == ('cocokp', str(file), 'cocodet')
    assert LoaderOptions(dataset='cocokp-a-b.yaml-c-d.json').names == ('cocokp', 'a-b.yaml', 'c-d.json')
    assert LoaderOptions(dataset='cocokp-nothing').names == ('cocokp', 'nothing')


def test_build(file):
    (module,) = selection.build(str(file), options={str(file): CustomOptions(upsample=2)})
    assert module.head_metas[0].upsample == 2


def test_name_is_taken(file):
    (module,) = selection.build(str(changed(file, name='cocokp')))
    with pytest.raises(ValueError, match="the name 'cocokp' is taken"):
        _ = module.name
    with pytest.raises(ValueError, match='names a data set twice'):
        selection.build(f'{file}-{file}')


def test_two_files_that_declare_the_same_name(file, tmp_path, capsys):
    twin = file.with_name('twin.yaml')
    twin.write_bytes(file.read_bytes())
    argv = [f'--dataset={file}-{twin}', '--basenet=tiny', '--epochs=1', f'--output={tmp_path / "model"}']
    assert train.main(argv) == 1
    problem = "two data sets have a head 'gecko.cif'. Give each declared data set a name of its own"
    assert capsys.readouterr().err.strip().endswith(problem)


def test_a_problem_is_one_line(file, capsys):
    path = changed(file, connections=[['nose', 'wing']])
    assert train.main([f'--dataset={path}', '--basenet=tiny', '--epochs=1', '--disable-cuda']) == 1
    line = capsys.readouterr().err.strip().splitlines()[-1]
    assert line.startswith(f'pifpaf train: {path}: connections row 1 has the unknown keypoint')


def test_nothing_is_read_before_it_is_needed(capsys):
    assert (
        train.main(['--dataset=nowhere.yaml', '--basenet=tiny', '--epochs=1', '--custom-upsample=2', '--dry-run']) == 0
    )
    assert json.loads(capsys.readouterr().out)['custom-upsample'] == 2


def test_outputs_are_named_after_the_data_set(file, monkeypatch):
    monkeypatch.chdir(file.parent)
    argv = [f'--dataset={file}', '--basenet=tiny', '--epochs=1', '--batch-size=4', '--square-edge=65']
    assert train.main([*argv, '--loader-workers=0', '--disable-cuda', '--quiet']) == 0
    (log,) = (file.parent / 'outputs').glob('*.log')
    assert log.name.startswith('tiny-') and log.name.endswith('-gecko.log')


def test_the_documentation_leads_to_predictions(repository, tmp_path, monkeypatch, capsys):
    """The file and the commands of docs/custom-dataset.md, with one epoch and small images."""
    page = (repository / 'docs/custom-dataset.md').read_text()
    (tmp_path / 'gecko.yaml').write_text(re.search(r'```yaml\n(.*?)```', page, re.DOTALL)[1])
    monkeypatch.chdir(tmp_path)
    skeleton = declaration.read('gecko.yaml').skeleton
    document = keypoint_folder(tmp_path / 'geckos', skeleton).read_text()
    for split in ('train', 'val'):
        (tmp_path / f'geckos/{split}.json').write_text(document)
    blocks = re.findall(r'```sh\n(.*?)```', page, re.DOTALL)[:2]
    commands = ''.join(blocks).replace('\\\n', ' ').replace('=257', '=65').replace('epochs=50', 'epochs=1')
    names = []
    for line in commands.replace('epoch050', 'epoch001').splitlines():
        pifpaf, name, *argv = shlex.split(line)
        names.append(name)
        assert pifpaf == 'pifpaf'
        assert main([name, *argv]) == 0, capsys.readouterr()
    assert names == ['dataset', 'train', 'eval', 'predict']
    assert len(list((tmp_path / 'drawn').glob('*.jpeg'))) == 4
    assert (tmp_path / 'sheet.jpg').stat().st_size > 0
