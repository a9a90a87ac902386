"""Pages of evaluation and learning without labels."""
