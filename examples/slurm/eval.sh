#!/bin/bash -l
# Evaluate beside a training under Slurm:
#   sbatch --job-name=first-eval examples/slurm/eval.sh --watch --watch-until=250 --checkpoint "outputs/first.epoch??[0,5]" \
#     --dataset=cocokp --force-complete-pose --seed-threshold=0.2
#
# PIFPAF_VENV and PIFPAF_IMAGE as in train.sh. What has been evaluated is skipped, so the job may be started again.
#SBATCH --nodes=1
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=20
#SBATCH --mem=48G
#SBATCH --time=24:00:00
#SBATCH --gres=gpu:1
#SBATCH --requeue
#SBATCH --open-mode=append

if [ -n "${PIFPAF_IMAGE:-}" ]; then
  container=$(command -v apptainer || command -v singularity)
  python=("${container:?neither apptainer nor singularity is there}" exec --nv --bind "$PWD" "$PIFPAF_IMAGE" python)
else
  source "${PIFPAF_VENV:-.venv}/bin/activate" || exit
  python=(python)
fi

srun "${python[@]}" -u -m pifpaf_core.eval "$@"
