from pifpaf_core.datasets.coco_categories import COCO_2017, COCO_CATEGORIES


def test_ids_are_those_of_coco():
    names = {COCO_CATEGORIES[i - 1]: i for i in COCO_2017}
    assert len(COCO_CATEGORIES) == len(set(COCO_CATEGORIES)) == 91
    assert len(COCO_2017) == 80
    known = {'person': 1, 'stop sign': 13, 'dog': 18, 'backpack': 27, 'bottle': 44, 'chair': 62, 'tv': 72,
             'toaster': 80, 'toothbrush': 90}  # fmt: skip
    assert {name: names[name] for name in known} == known
    assert not {'street sign', 'hat', 'shoe', 'door', 'blender', 'hair brush'} & set(names)


def test_names_of_the_official_file(shared):
    import json

    path = shared / 'data/coco-real/annotations/instances_val2017.json'
    official = {category['id']: category['name'] for category in json.loads(path.read_text())['categories']}
    assert {i: COCO_CATEGORIES[i - 1] for i in COCO_2017} == official
