"""Who runs the points of a sweep: this machine, Ray or Slurm."""
