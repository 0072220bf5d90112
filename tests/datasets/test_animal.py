import json

from instances import files, keypoint_folder, module_of, stats_of_an_oracle, through_the_commands

from pifpaf_core.skeletons.animal import ANIMAL


def test_train_evaluate_predict(tmp_path):
    path = keypoint_folder(tmp_path, ANIMAL)
    stats = through_the_commands('animal', files('animal', path), tmp_path)
    assert (stats['n_images'], len(stats['stats'])) == (4, 10)


def test_heads_and_defaults():
    module = module_of('animal')
    assert [meta.n_fields for meta in module.head_metas] == [20, 20]
    assert (module.edge, module.bmin, module.eval_preprocess().long_edge) == (513, 1.0, 0)
    assert module.train_files[0] == 'data-animalpose/annotations/animal_keypoints_20_train.json'
    assert module_of('animal', ['--square-edge=257']).edge == 257
    assert module_of('animal', ['--square-edge=257', '--animal-square-edge=65']).edge == 65


def test_all_species_count_as_one(tmp_path):
    """The files of Animal-Pose number five species; they share a skeleton, and the decoder does not tell them apart."""
    path = keypoint_folder(tmp_path, ANIMAL)
    document = json.loads(path.read_text())
    document['categories'] = [{'id': i, 'name': f'species{i}', 'keypoints': list(ANIMAL.names)} for i in range(1, 6)]
    for annotation in document['annotations']:
        annotation['category_id'] = 1 + annotation['id'] % 5
    path.write_text(json.dumps(document))
    assert stats_of_an_oracle(module_of('animal', [*files('animal', path), '--animal-upsample=4']))['AP'] > 0.99
