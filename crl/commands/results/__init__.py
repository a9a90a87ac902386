"""Commands that read finished runs: replays, reports, citations, the store of runs."""
