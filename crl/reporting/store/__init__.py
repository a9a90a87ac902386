"""The store of results: run folders, found, judged, and indexed in one SQLite file that may be deleted at any time."""
