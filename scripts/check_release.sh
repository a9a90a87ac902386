#!/usr/bin/env bash
# Checks a release: builds the wheel, installs it into an empty environment with the tested versions, and trains, evaluates,
# cites, replays and reports from an empty folder, with no repository at hand. Takes minutes, most of them for PyTorch.
#   scripts/check_release.sh [FOLDER]     FOLDER keeps the wheel and the environment; a temporary one is removed at the end
#   PYTHON=python3.12 scripts/check_release.sh
set -euo pipefail
cd "$(dirname "$0")/.."
repository="$PWD"

say() { printf '\n== %s (after %d s)\n' "$*" "$SECONDS"; }

if [ $# -gt 0 ]; then
    mkdir -p "$1"
    folder="$(cd "$1" && pwd)"
else
    folder="$(mktemp -d)"
    trap 'rm -rf "$folder"' EXIT
fi
rm -rf "$folder/dist" "$folder/venv" "$folder/empty"
mkdir -p "$folder/empty"

say "a wheel and a source distribution"
"${BUILDER:-$repository/.venv/bin/python}" -m build --outdir "$folder/dist" .
wheels=("$folder"/dist/*.whl)
[ ${#wheels[@]} -eq 1 ] || { echo "expected one wheel, found ${wheels[*]}"; exit 1; }

say "what the wheel must hold"
"${PYTHON:-python3.11}" - "${wheels[0]}" <<'PYTHON'
import shutil
import sys
import zipfile

names = set(zipfile.ZipFile(sys.argv[1]).namelist())
wanted = ["crl/cli.py", "crl/py.typed", "crl/bibliography.bib", "crl/configs/config.yaml", "crl_envs/__init__.py"]
wanted += ["crl_envs/missions/maps/courtyard.csv", "crl_robots/specs/ugv_husky.yaml"]
wanted += ["crl/kernel/source/rollout.c"]
if any(shutil.which(name) for name in ("cc", "gcc", "clang")):
    wanted += ["crl/kernel/librollout.so"]
missing = [name for name in wanted if name not in names]
assert not missing, f"the wheel lacks {missing}"
astray = sorted(name for name in names if name.split("/")[0] in ("tests", "docs", "runs", "benchmarks", "configs", "envs"))
assert not astray, f"the wheel holds what it should not: {astray[:5]}"
print(len(names), "files")
PYTHON

say "an empty environment"
"${PYTHON:-python3.11}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip --disable-pip-version-check install --quiet --constraint constraints.txt "${wheels[0]}"

cd "$folder/empty"
unset PYTHONPATH
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"
crl="$folder/venv/bin/crl"

say "the package comes from the environment"
"$folder/venv/bin/python" -c "
import crl, crl_envs, crl_robots
for module in (crl, crl_envs, crl_robots):
    assert module.__file__.startswith('$folder/venv'), module.__file__
print(crl.__file__)"

say "crl doctor"
"$crl" doctor

say "a short training from an empty folder"
"$crl" train env=cartpole_length "tasks=[0,1]" steps=600 seed=0 videos=false planner.samples=16 planner.horizon=10 \
    learning.initial_steps=100 learning.final_steps=100 evaluation.episodes=1 evaluation.episodes_between=1

say "what is made of it"
"$crl" eval latest --episodes 1 --json >eval.json
"$crl" cite latest --out run.bib
"$crl" config env=cartpole_length --table >config.txt
"$crl" replay latest --task 0 --out replay.mp4
"$crl" runs list
"$crl" report runs --out report.html
"$crl" report runs --format md,csv,latex --out paper
for file in eval.json run.bib config.txt replay.mp4 report.html paper.md paper.csv paper.tex; do
    [ -s "$file" ] || { echo "$file is missing or empty"; exit 1; }
done
ls -l

say "all passed"
