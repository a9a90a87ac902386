#!/usr/bin/env bash
# Runs the ten tasks of Continual World in sequence, 20,000 steps each, and writes docs/results/cw10.md. It goes on where
# it was stopped. Needs the extra metaworld. About CPU_HOURS CPU hours a run.
#   usage: scripts/reproduce_continual_world.sh [parallel processes, default 2]
# Variables of the environment: scripts/run_sequence.sh.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/sequences.sh
run_and_page cw10 "hypercrl:0 snapshot:0 finetune:0" "${1:-2}"
finish
