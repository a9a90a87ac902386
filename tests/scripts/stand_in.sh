#!/usr/bin/env bash
# Stands in for python in tests of the scripts: a run counts to STEPS in its folder, ten milliseconds a step, and goes on
# where it was stopped; a page notes that it was asked for. Runs named in FAIL fail.
set -u
if [ "$1" != -m ]; then
    echo "page ${*:2}" >>"$RUNS/pages"
    exit 0
fi
for setting in "$@"; do
    case $setting in
    name=*) name=${setting#name=} ;;
    run_dir=*) folder=${setting#run_dir=} ;;
    esac
done
folder=$folder/$name
mkdir -p "$folder"
echo "begin $name" >>"$RUNS/events"
echo "$*" >>"$folder/asked"
trap 'echo "end $name" >>"$RUNS/events"' EXIT
case " ${FAIL:-} " in *" $name "*)
    echo "no such strategy" >&2
    exit 2
    ;;
esac
trap 'echo stopped >>"$folder/signals"; exit 130' TERM INT
while [ "$(wc -l <"$folder/steps" 2>/dev/null || echo 0)" -lt "${STEPS:-0}" ]; do
    sleep 0.01
    echo step >>"$folder/steps"
done
echo "{}" >"$folder/results.json"
