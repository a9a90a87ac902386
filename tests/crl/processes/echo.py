"""A child for tests: says what it is, then waits for the end of the stream."""

from __future__ import annotations

import argparse
import os
import socket

parser = argparse.ArgumentParser()
for name in ("frames", "parent", "number"):
    parser.add_argument(f"--{name}", type=int, required=True)
parser.add_argument("--loud", action="store_true")
given = parser.parse_args()
with socket.socket(fileno=given.frames) as end:
    end.send(f"{given.number} {given.parent == os.getppid()} {given.loud} {os.environ['OMP_NUM_THREADS']}".encode())
    while end.recv(100):
        pass
