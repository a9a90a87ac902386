#!/usr/bin/env bash
# Reproduces docs/results/cartpole_length.md: ten pole lengths in sequence, three strategies, three seeds.
#   usage: scripts/reproduce_cartpole_length.sh [parallel processes, default 2]
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/run_sequence.sh cartpole_length "hypercrl finetune single" "0 1 2" "${1:-2}"
"${PYTHON:-.venv/bin/python}" scripts/page_cartpole_length.py runs/cartpole_length
