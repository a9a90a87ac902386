#!/usr/bin/env bash
# Reproduces docs/results/half_cheetah_body.md: five bodies in sequence, one seed. The budget is reduced: 5,000
# environment steps per body, where Huang et al. 2021 spend 110,000.
#   usage: scripts/reproduce_half_cheetah_body.sh [parallel processes, default 2]
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/sequences.sh
run_and_page half_cheetah_body "hypercrl:0 single:0 finetune:0" "${1:-2}"
finish
