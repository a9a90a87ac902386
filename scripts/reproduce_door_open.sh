#!/usr/bin/env bash
# Reproduces docs/results/door_open.md: five doors in sequence, three strategies.
# Resumes after an interruption: finished runs are kept, killed ones continue from their last checkpoint.
#   usage: scripts/reproduce_door_open.sh [parallel processes, default 2]
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-.venv/bin/python}
parallel=${1:-2}
export OMP_NUM_THREADS=1
runs=runs/door_open
mkdir -p "$runs/logs"

points() {
    for seed in 0 1 2 3 4; do echo "hypercrl $seed"; done
    for seed in 0 1 2 3 4; do echo "finetune $seed"; done
    for seed in 0 1 2 3 4; do echo "single $seed"; done
}

# shellcheck disable=SC2016
points | xargs -P "$parallel" -L 1 sh -c '
    echo "door_open $2 seed $3"
    "$0" -m crl.cli train env=door_open profile=full continual="$2" seed="$3" \
        run_dir="$1" name="$2_s$3" resume=true >"$1/logs/$2_s$3.log" 2>&1 || echo "$2 seed $3 failed: see $1/logs/$2_s$3.log"
' "$python" "$runs"

"$python" scripts/page_door_open.py "$runs"
