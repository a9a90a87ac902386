# Functions that the scripts of task sequences share; sourced from the root of the checkout under `set -euo pipefail`.
# shellcheck shell=bash
#
#   run_sequence ENV "ENTRY ..." PARALLEL     all runs of a comparison; failed=(names) afterwards
#   run_and_page ENV "ENTRY ..." PARALLEL [OPTION ...]   the same, then the page of results, even if runs failed: the page
#                                             names those; options are those of scripts/page_sequence.py
#   finish                                    ends the script: with 1, naming them, if any runs failed
#
# An interruption (Ctrl-C, SIGTERM) lets the running ones save, and ends the script with 130. What the environment
# variables mean, and what an ENTRY is: scripts/run_sequence.sh.

python=${PYTHON:-.venv/bin/python}
read -r -a overrides <<<"${OVERRIDES:-}"
export OMP_NUM_THREADS=1
declare -A running=()
failed=() all_failed=()

refuse() {
    echo "$0: $1" >&2
    exit 2
}

# One line per run: seed, strategy or agent, setting that chooses it. The first seeds of all come first, so that an
# interrupted comparison has something of each.
planned_runs() {
    local entry group name seeds part seed
    for entry in $1; do
        [[ $entry =~ ^((agent|continual)=)?([A-Za-z0-9_.]+):([0-9]+(-[0-9]+)?(,[0-9]+(-[0-9]+)?)*)$ ]] ||
            refuse "can't read '$entry': write STRATEGY:SEEDS, such as hypercrl:0-4, coreset:0,1,2 or agent=sb3_sac:0"
        group=${BASH_REMATCH[2]:-continual} name=${BASH_REMATCH[3]} seeds=${BASH_REMATCH[4]}
        for part in ${seeds//,/ }; do
            for seed in $(seq "${part%-*}" "${part#*-}"); do echo "$seed $name $group=$name"; done
        done
    done | sort -s -n -k1,1 | awk '!seen[$0]++'
}

begin() {
    local sequence=$1 seed=$2 name=$3 choice=$4 run="$3_s$2" runs=${RUNS:-runs}/$1
    echo "$sequence: $run"
    (
        # A run that a killed script left behind may still be saving.
        if [ -e "$runs/$run/.lock" ] && command -v flock >/dev/null; then flock -w 600 "$runs/$run/.lock" true || true; fi
        # Ctrl-C reaches the runs once, through this script; and they save and end when it is killed.
        detach=()
        if command -v setsid >/dev/null; then detach+=(setsid); fi
        if command -v setpriv >/dev/null; then detach+=(setpriv --pdeathsig TERM); fi
        exec "${detach[@]}" "$python" -m crl.cli train env="$sequence" profile="${PROFILE:-full}" "$choice" \
            seed="$seed" run_dir="$runs" name="$run" resume=true videos="${VIDEOS:-false}" "${overrides[@]}"
    ) >"$runs/logs/$run.log" 2>&1 </dev/null &
    running[$!]=$run
}

reap() {
    local ended="" status=0
    wait -n -p ended "${!running[@]}" || status=$?
    [ -n "$ended" ] || return 0
    if [ "$status" -ne 0 ]; then
        echo "${running[$ended]} failed: see $1/logs/${running[$ended]}.log" >&2
        failed+=("${running[$ended]}")
    fi
    unset "running[$ended]"
}

stop() {
    trap '' INT TERM HUP
    echo "stopping: ${running[*]} save what they learned; the same command continues" >&2
    for process in "${!running[@]}"; do kill -TERM "$process" 2>/dev/null || true; done
    wait
    exit 130
}

run_sequence() {
    local sequence=$1 parallel=$3 runs=${RUNS:-runs}/$1 plan seed name choice
    [[ $parallel =~ ^[1-9][0-9]*$ ]] || refuse "parallel processes: '$parallel' is not a positive number"
    plan=$(planned_runs "$2")
    [ -n "$plan" ] || refuse "nothing to run"
    mkdir -p "$runs/logs"
    touch "$runs/planned"
    { cat "$runs/planned" && awk '{print $2 "_s" $1}' <<<"$plan"; } | sort -u >"$runs/planned.tmp"
    mv "$runs/planned.tmp" "$runs/planned"
    failed=()
    trap stop INT TERM HUP
    while read -r seed name choice; do
        while [ ${#running[@]} -ge "$parallel" ]; do reap "$runs"; done
        begin "$sequence" "$seed" "$name" "$choice"
    done <<<"$plan"
    while [ ${#running[@]} -gt 0 ]; do reap "$runs"; done
    trap - INT TERM HUP
    if [ ${#failed[@]} -gt 0 ]; then all_failed+=("${failed[@]/#/$sequence/}"); fi
}

run_and_page() {
    run_sequence "$1" "$2" "$3"
    "$python" scripts/page_sequence.py "$1" "${RUNS:-runs}/$1" "${PAGES:-docs/results}" "${@:4}"
}

finish() {
    if [ ${#all_failed[@]} -gt 0 ]; then
        echo "failed: ${all_failed[*]}" >&2
        exit 1
    fi
    exit 0
}
