#!/usr/bin/env bash
# Reproduces docs/results/pusher.md (five blocks in sequence: three seeds of the strategies that are compared, one of the
# others and of the baseline without a model) and docs/results/pusher_held_out.md (those five, then five more, one seed;
# its scores are relative to the runs of `single` on the first five). A third of the published budget: 2,000 steps per block.
#   usage: scripts/reproduce_pusher.sh [parallel processes, default 2]
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/sequences.sh
run_and_page pusher "hypercrl:0-2 single:0-2 finetune:0-2 coreset:0-2 ewc:0-2 si:0-2 hypercrl_chunked:0 hypercrl_ewc:0
    hypercrl_si:0 hypercrl_replay:0 gradient_projection:0 pnn:0 multitask:0 agent=sb3_sac:0" "${1:-2}"
run_and_page pusher_held_out "hypercrl:0" "${1:-2}" --reference "${RUNS:-runs}/pusher"
finish
