#!/usr/bin/env bash
# Runs one task sequence with several strategies and seeds, and resumes after an interruption: finished runs are kept,
# stopped or killed ones continue from their last checkpoint, failed ones are tried again.
#   usage: scripts/run_sequence.sh ENV "ENTRY ..." [parallel processes, default 2]
#   ENTRY: STRATEGY:SEEDS or agent=NAME:SEEDS, such as hypercrl:0-4 coreset:0,1,2 agent=sb3_sac:0
# Run folders: runs/ENV/STRATEGY_sSEED; output: runs/ENV/logs; the names of all planned runs: runs/ENV/planned.
# Environment: PYTHON, RUNS (instead of runs), PROFILE (instead of full), VIDEOS=true (record each task at a run's end),
# OVERRIDES="key=value ..." (further settings of all runs; a run is continued only with the settings that it began with),
# PAGES (instead of docs/results, for the scripts that write a page).
# Ends with 0 if all runs are finished; with 1 if runs failed, after all others, naming them; with 130 if interrupted.
set -euo pipefail
cd "$(dirname "$0")/.."
if [ $# -lt 2 ] || [ $# -gt 3 ]; then
    sed -n '2,10s/^# \{0,1\}//p' "$0" >&2
    exit 2
fi
. scripts/sequences.sh
run_sequence "$1" "$2" "${3:-2}"
finish
