#!/usr/bin/env bash
# Reproduces docs/results/door_open.md: five doors in sequence, three strategies, five seeds.
#   usage: scripts/reproduce_door_open.sh [parallel processes, default 2]
set -euo pipefail
cd "$(dirname "$0")/.."
VIDEOS=true scripts/run_sequence.sh door_open "hypercrl finetune single" "0 1 2 3 4" "${1:-2}"
"${PYTHON:-.venv/bin/python}" scripts/page_door_open.py runs/door_open
