import pytest
from instances import files, keypoint_folder, module_of, stats_of_an_oracle, through_the_commands

from pifpaf_core.skeletons.apollo import CAR_24, CAR_66


@pytest.mark.parametrize(('skeleton', 'flag'), [(CAR_66, []), (CAR_24, ['--apollo-use-24-kps'])])
def test_train_evaluate_predict(tmp_path, skeleton, flag):
    path = keypoint_folder(tmp_path, skeleton)
    stats = through_the_commands('apollo', [*files('apollo', path), *flag], tmp_path)
    assert (stats['n_images'], len(stats['stats'])) == (4, 10)


def test_right_fields_have_the_best_score(tmp_path):
    path = keypoint_folder(tmp_path, CAR_24)
    flags = [*files('apollo', path), '--apollo-use-24-kps', '--apollo-upsample=4']
    assert stats_of_an_oracle(module_of('apollo', flags))['AP'] > 0.99


def test_heads_and_defaults():
    assert [meta.n_fields for meta in module_of('apollo').head_metas] == [66, 108]
    assert [meta.n_fields for meta in module_of('apollo', ['--apollo-use-24-kps']).head_metas] == [24, 49]
    assert module_of('apollo').mirror == CAR_66.mirror
    assert module_of('apollo', ['--apollo-use-24-kps']).mirror == CAR_24.mirror
    assert (module_of('apollo').edge, module_of('apollo').bmin) == (513, 1.0)


def test_weights():
    assert {meta.training_weights for meta in module_of('apollo').head_metas} == {()}
    cif, caf = module_of('apollo', ['--apollo-apply-local-centrality-weights']).head_metas
    assert (len(cif.training_weights), len(caf.training_weights)) == (66, 108)


def test_file_with_another_number_of_keypoints(tmp_path):
    path = keypoint_folder(tmp_path, CAR_66)
    module = module_of('apollo', [*files('apollo', path), '--apollo-use-24-kps'])
    with pytest.raises(ValueError, match='198 keypoint values, but a skeleton of 24 keypoints needs 72'):
        module.eval_samples(module.eval_preprocess())
