#!/usr/bin/env bash
# Runs one task sequence with several strategies and seeds, profile=full, and resumes after an interruption:
# finished runs are kept, killed ones continue from their last checkpoint.
#   usage: scripts/run_sequence.sh ENV "STRATEGIES" "SEEDS" [parallel processes, default 2]
# Run folders: runs/ENV/STRATEGY_sSEED; logs: runs/ENV/logs. VIDEOS=true records each task at the end of a run.
set -euo pipefail
cd "$(dirname "$0")/.."
sequence=$1 strategies=$2 seeds=$3 parallel=${4:-2}
python=${PYTHON:-.venv/bin/python}
runs=${RUNS:-runs}/$sequence
export OMP_NUM_THREADS=1
mkdir -p "$runs/logs"

for strategy in $strategies; do
    for seed in $seeds; do echo "$strategy $seed"; done
done | xargs -P "$parallel" -L 1 sh -c '
    python=$0 sequence=$1 runs=$2 videos=$3 strategy=$4 seed=$5
    name="${strategy}_s$seed" log="$runs/logs/${strategy}_s$seed.log"
    echo "$sequence: $name"
    "$python" -m crl.cli train env="$sequence" profile=full continual="$strategy" seed="$seed" \
        run_dir="$runs" name="$name" resume=true videos="$videos" >"$log" 2>&1 || echo "$name failed: see $log"
' "$python" "$sequence" "$runs" "${VIDEOS:-false}"
