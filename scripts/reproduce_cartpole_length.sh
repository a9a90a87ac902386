#!/usr/bin/env bash
# Reproduces docs/results/cartpole_length.md: ten pole lengths in sequence, all strategies; five seeds of those that are
# compared most, three of the others, one of the baseline without a model. About 4 CPU minutes a run.
#   usage: scripts/reproduce_cartpole_length.sh [parallel processes, default 2]
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/sequences.sh
run_and_page cartpole_length "hypercrl:0-4 finetune:0-4 single:0-4 coreset:0-4 hypercrl_chunked:0-2 hypercrl_ewc:0-2
    hypercrl_si:0-2 hypercrl_replay:0-2 ewc:0-2 si:0-2 gradient_projection:0-2 pnn:0-2 multitask:0-2
    agent=sb3_sac:0" "${1:-2}"
finish
