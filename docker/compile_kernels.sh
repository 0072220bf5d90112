#!/bin/sh
# Compile the kernels of a train image into $PIFPAF_KERNELS by using all of them: made-up people, a step of training
# with keypoints and boxes, an evaluation, a prediction. It is the first test of the image, too.
set -eu
scratch=$(mktemp -d)
trap 'rm -r "$scratch"' EXIT
export NUMBA_CACHE_DIR="$PIFPAF_KERNELS" OMP_NUM_THREADS=1
unset PIFPAF_KERNELS
cd "$scratch"

pifpaf prepare --quiet --source synthetic --output data --n-images 4 --val-is-train --size 160x120
data() {
    for module in "$@"; do
        for split in train val; do
            printf ' --%s-%s-annotations=data/annotations/person_keypoints_%s2017.json' "$module" "$split" "$split"
            printf ' --%s-%s-image-dir=data/images/%s2017' "$module" "$split" "$split"
        done
    done
}
# shellcheck disable=SC2046  (the flags are words)
pifpaf train --quiet --dataset=cocokp-cocodet --basenet=tiny --epochs=1 --batch-size=2 --square-edge=129 --disable-cuda \
    --cocokp-extended-scale --cocokp-orientation-invariant=1 --loader-workers=0 --output=network \
    $(data cocokp cocodet)
# shellcheck disable=SC2046
pifpaf eval --quiet --dataset=cocokp-cocodet --checkpoint=network.epoch001.safetensors --disable-cuda --loader-workers=0 \
    --force-complete-pose --seed-threshold=0.01 --write-predictions $(data cocokp cocodet)
pifpaf predict --quiet --checkpoint=network.epoch001.safetensors --disable-cuda --json-output=poses/ data/images/val2017
chmod -R a+rX "$NUMBA_CACHE_DIR"
