"""Pages of results for the documentation: tables, plots and findings of missions and task sequences."""
