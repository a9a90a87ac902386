#!/usr/bin/env bash
# Reproduces docs/results/door_open.md: five doors in sequence, three strategies, five seeds.
#   usage: scripts/reproduce_door_open.sh [parallel processes, default 2]
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/sequences.sh
VIDEOS=true
run_sequence door_open "hypercrl:0-4 finetune:0-4 single:0-4" "${1:-2}"
"$python" scripts/page_door_open.py "${RUNS:-runs}/door_open" "${PAGES:-docs/results}"
finish
