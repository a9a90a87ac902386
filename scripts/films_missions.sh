#!/usr/bin/env bash
# Films of one mission of each body, from the fits that scripts/reproduce_missions.sh left: docs/pictures/mission_*.mp4.
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-$([ -x .venv/bin/python ] && echo .venv/bin/python || echo python3)}
target=${TARGET:-docs/pictures}

film() { # NAME TASK FILE
    local run=${RUNS:-runs}/missions/$1/fits/afm
    [ -d "$run" ] || { echo "there is no $run yet: scripts/reproduce_missions.sh 2 $1" >&2; return; }
    "$python" -m crl.cli replay "$run" --task "$2" --out "$target/$3"
}

film ugv 2 mission_unicycle.mp4
film husky 0 mission_husky.mp4
film rates 0 mission_quadrotor.mp4
# The husky's is long and textured: smaller, for the repository.
ffmpeg=$("$python" -c "import imageio_ffmpeg; print(imageio_ffmpeg.get_ffmpeg_exe())")
if [ -e "$target/mission_husky.mp4" ]; then
    "$ffmpeg" -loglevel error -y -i "$target/mission_husky.mp4" -vf scale=840:-2 -c:v libx264 -crf 34 -pix_fmt yuv420p "$target/small.mp4"
    mv "$target/small.mp4" "$target/mission_husky.mp4"
fi
