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

train() { # NAME SEED SETTINGS...
    local name=$1_$2 seed=$2
    shift 2
    echo "reach_monitor: $name"
    "$python" -m crl.cli train env=cartpole_length profile=full seed="$seed" run_dir="$runs" name="$name" resume=true \
        videos=false monitor.probes=16 monitor.window=1400 evaluation.episodes=2 evaluation.episodes_between=0 "$@" \
        >"$runs/logs/$name.log" 2>&1
}

for seed in 0 1 2 3 4; do
    train learning "$seed" continual=hypercrl "tasks=[0,1,0,1]" steps=1400
    train frozen "$seed" agent=frozen agent.run="$runs/learning_$seed" "tasks=[1]" steps=2800
    train one_task "$seed" continual=finetune "tasks=[0]" steps=5600
    train vanishing "$seed" continual=finetune "tasks=[0]" steps=5600 learning.lr_decay=0.75
done
"$python" scripts/page_reach_monitor.py "$runs"
