#!/usr/bin/env bash
# Measures what docs/results/ros.md says; nothing else should run on the computer meanwhile.
#   usage: scripts/measure_ros.sh ROBOT RUN [timing|faults|cycles ...]
# RUN is a run with missions of the robot's body (crl train env=ugv_mission_husky refiner=afm).
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-$([ -x .venv/bin/python ] && echo .venv/bin/python || echo python3)}
[ $# -ge 2 ] || { sed -n 2,4p "$0"; exit 2; }
robot=$1 run=$2
shift 2
[ $# -gt 0 ] || set -- timing faults cycles
target=${RUNS:-runs}/ros
mkdir -p "$target"
for what in "$@"; do
    case $what in
    timing) extra=(--seconds "${SECONDS_OF_TIMING:-600}") ;;
    faults) extra=(--faults) ;;
    cycles) extra=(--cycles 1000) ;;
    *) echo "unknown: $what" >&2; exit 2 ;;
    esac
    "$python" -m crl.cli bench ros --robot "$robot" --run "$run" "${extra[@]}" --json "$target/${what}_$robot.json"
done
"$python" scripts/page_ros.py "$target" "${TARGET:-docs/results}"
