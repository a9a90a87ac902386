#!/usr/bin/env bash
# Reproduces docs/results/reach_monitor.md: the reach monitor on cart-poles, for agents that learn, that are frozen,
# and whose step size vanishes. Finished runs are kept, interrupted ones continue.
#   usage: scripts/reproduce_reach_monitor.sh
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-.venv/bin/python}
runs=${RUNS:-runs}/reach_monitor
export OMP_NUM_THREADS=1
mkdir -p "$runs/logs"

train() { # NAME SETTINGS...
    local name=$1
    shift
    echo "reach_monitor: $name"
    "$python" -m crl.cli train env=cartpole_length profile=full seed=0 run_dir="$runs" name="$name" resume=true \
        videos=false monitor.probes=16 monitor.window=1400 evaluation.episodes=2 evaluation.episodes_between=0 "$@" \
        >"$runs/logs/$name.log" 2>&1
}

train learning continual=hypercrl "tasks=[0,1,0,1]" steps=1400
train frozen agent=frozen agent.run="$runs/learning" "tasks=[1]" steps=2800
train one_task continual=finetune "tasks=[0]" steps=5600
train vanishing continual=finetune "tasks=[0]" steps=5600 learning.lr_decay=0.75
"$python" scripts/page_reach_monitor.py "$runs"
