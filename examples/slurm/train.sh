#!/bin/bash -l
# Train under Slurm:  sbatch --job-name=first examples/slurm/train.sh --epochs=250 --dataset=cocokp ...
#
# PIFPAF_VENV   virtual environment to use (default: .venv)
# PIFPAF_IMAGE  Apptainer or Singularity image to use in its place
#
# One task trains on all GPUs that it sees. With --ntasks=N (and --gres=gpu:N or --gpus-per-task=1) each task trains on
# one of them, and --batch-size is that of one task. Options of sbatch on the command line win over those below.
#SBATCH --nodes=1
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=20
#SBATCH --mem=96G
#SBATCH --time=24:00:00
#SBATCH --gres=gpu:1
#SBATCH --signal=TERM@300
#SBATCH --requeue
#SBATCH --open-mode=append

if [ -n "${PIFPAF_IMAGE:-}" ]; then
  container=$(command -v apptainer || command -v singularity)
  python=("${container:?neither apptainer nor singularity is there}" exec --nv --bind "$PWD" "$PIFPAF_IMAGE" python)
else
  source "${PIFPAF_VENV:-.venv}/bin/activate" || exit
  python=(python)
fi

[ "${SLURM_NTASKS:-1}" -gt 1 ] && set -- --ddp "$@"
srun --wait=120 "${python[@]}" -u -m pifpaf_core.train --output="outputs/$SLURM_JOB_NAME" "$@"
code=$?

# 75: the state is saved, run me again. 143: ended by SIGTERM while it was starting.
if [ "$code" -eq 75 ] || [ "$code" -eq 143 ]; then
  scontrol requeue "$SLURM_JOB_ID"
fi
exit "$code"
