"""ffmpeg: whether it is there, and whether it encodes H.264."""

from __future__ import annotations

from crl.diagnosis.finding import Finding
from crl.diagnosis.probe import probe

MEND = "pip install 'imageio[ffmpeg]', or install ffmpeg (apt-get install ffmpeg) and name it in IMAGEIO_FFMPEG_EXE"
_ENCODE = """
import subprocess
import imageio_ffmpeg
program = imageio_ffmpeg.get_ffmpeg_exe()
tell(program)
source = ["-f", "lavfi", "-i", "color=size=64x64:duration=0.2"]
done = subprocess.run(
    [program, "-hide_banner", "-loglevel", "error", *source, "-c:v", "libx264", "-f", "null", "-"],
    capture_output=True, text=True, stdin=subprocess.DEVNULL,
)
if done.returncode:
    raise SystemExit(f"it can't encode H.264: {(done.stderr.strip().splitlines() or ['no reason given'])[0]}")
tell(imageio_ffmpeg.get_ffmpeg_version())
"""


def video() -> list[Finding]:
    """Finding on ffmpeg: it encodes a few frames."""
    told = probe(_ENCODE)
    if told.trouble is not None:
        program = f"{told.values[0]}: " if told.values else ""
        said = f"{program}{told.trouble}; pictures are kept as PNG instead of mp4"
        return [Finding("video", "ffmpeg", "warning", said, MEND)]
    return [Finding("video", "ffmpeg", "ok", f"{told.values[1]} ({told.values[0]})")]
