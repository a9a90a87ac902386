#!/usr/bin/env bash
# Runs the ten tasks of Continual World in sequence, 20,000 steps each, and writes docs/results/cw10.md. It goes on where
# it was stopped. Needs the extra metaworld. About 45 CPU minutes a run (estimated from 5,000 steps of one task).
#   usage: scripts/reproduce_continual_world.sh [parallel processes, default 2]
# Variables of the environment: scripts/run_sequence.sh.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/sequences.sh
run_and_page cw10 "hypercrl:500 snapshot:500 finetune:500" "${1:-2}"
finish
