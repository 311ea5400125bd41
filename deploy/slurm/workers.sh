#!/bin/bash
# Workers for one run, as many as the array is long:
#   sbatch --array=1-64 deploy/slurm/workers.sh URL [options of `numpywren worker`]
# For workers that follow what there is to do, have numpywren submit them one by one: the backend `command`.
#SBATCH --job-name=numpywren
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=4
#SBATCH --mem=9G
#SBATCH --time=04:00:00
#SBATCH --requeue
# The worker hears of the end of its time a minute before, hands back its leases and leaves.
#SBATCH --signal=TERM@60
#SBATCH --output=numpywren-%A-%a.out
set -euo pipefail

if [ "$#" -lt 1 ]; then
    echo "usage: sbatch --array=1-N $0 URL [options of numpywren worker]" >&2
    exit 2
fi
url=$1
shift

# `srun` passes the signal on to the worker itself; `exec` leaves no shell between.
exec srun --cpu-bind=cores numpywren worker "$url" \
    --slots "${SLURM_CPUS_PER_TASK:-1}" --memory 8GiB --idle 60 "$@"
