#!/usr/bin/env bash
# The paper's training on 32 workers under Slurm: `sbatch examples/slurm_32_workers.sh`.
#
# srun starts one process a task; `--strategy multi-worker` reads which tasks there are from Slurm's own variables. The
# folder of the output must lie on a disk that all nodes share. When a worker dies, the others end within a minute; the
# loop then runs the same command again, which goes on from the last checkpoint. A job that is requeued goes on too.
#SBATCH --job-name=sqnxt
#SBATCH --ntasks=32
#SBATCH --cpus-per-task=8
#SBATCH --time=3-00:00:00
#SBATCH --requeue
#SBATCH --open-mode=append
# On GPUs, one a task: #SBATCH --gpus-per-task=1, and `--set precision=mixed_float16` below.

set -uo pipefail
DATA=${DATA:-/shared/imagenet-records}      # folders by class, or what `sqnxt-tf data pack` wrote: at least 32 shards
OUTPUT=${OUTPUT:-/shared/runs/sqnxt23v5.keras}
ATTEMPTS=${ATTEMPTS:-20}

for attempt in $(seq "$ATTEMPTS"); do
    srun --kill-on-bad-exit=1 sqnxt-tf train \
        --network 1.0-SqNxt-23v5 --data "$DATA" --recipe paper --strategy multi-worker \
        --set synchronized_batch_norm=false --checkpoint-minutes 10 -o "$OUTPUT" && exit 0
    status=$?
    test -e "${OUTPUT%.keras}.train/checkpoint.npz" || exit "$status"  # it never began: another attempt would not either
    echo "attempt $attempt ended with $status; going on from the last checkpoint" >&2
    sleep 30
done
exit 1
