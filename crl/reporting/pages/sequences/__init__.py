"""The page of a task sequence: its tables, plots and findings."""
