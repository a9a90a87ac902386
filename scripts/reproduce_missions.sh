#!/usr/bin/env bash
# Reproduces docs/results/missions_*.md: the published unicycle protocol, and the suites of the husky and the quadrotor.
#   usage: scripts/reproduce_missions.sh [parallel processes, default 2] [ugv|ugv_second|ugv_unclipped|husky|velocity|rates|wind ...]
# Each evaluation resumes from its folder in ${RUNS:-runs}/missions.
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-$([ -x .venv/bin/python ] && echo .venv/bin/python || echo python3)}
workers=${1:-2}
[ $# -gt 0 ] && shift
wanted=("$@")
[ ${#wanted[@]} -gt 0 ] || wanted=(ugv ugv_second ugv_unclipped husky velocity rates wind)

fly() { # NAME SETTINGS...
    local name=$1
    shift
    [[ " ${wanted[*]} " == *" $name "* ]] || return 0
    "$python" -m crl.cli eval-missions "$@" workers="$workers" out="${RUNS:-runs}/missions/$name"
    "$python" scripts/page_missions.py "$name" "${RUNS:-runs}/missions/$name" "${TARGET:-docs/results}"
}

fly ugv env=ugv_mission refiner=afm,afm_learned,oracle,none,frozen,randomised,afm_published seeds=5
fly ugv_unclipped env=ugv_mission refiner=afm,oracle clipped=false seeds=5
fly ugv_second env=ugv_mission refiner=afm,oracle seeds=5 waypoints=orchard
fly husky env=ugv_mission_husky refiner=afm,oracle,none 'seeds={A: 5, B: 3, C: 3, D: 3}'
fly velocity env=quadrotor_mission refiner=afm,oracle,none 'seeds={A: 5, B: 6, C: 6, D: 3}'
fly rates env=quadrotor_mission_rates refiner=afm,oracle,none 'seeds={A: 5, B: 3, C: 3, D: 3}'
# Wind at the rate interface: with no estimate of it, the planner does not know what no correction of an action can do.
fly wind env=quadrotor_mission_rates refiner=afm,none seeds=3 body.disturbance=0 \
    "faults=[{wind: [4, 0, 0]}, {wind: [6, 0, 0]}, {payload: 0.4, wind: [4, 0, 0]}]"
