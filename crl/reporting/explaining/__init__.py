"""Settings explained: what each means, where its value came from, and the command that repeats a run."""
