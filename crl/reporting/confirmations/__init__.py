"""What a confirmation came to: criteria, two-level intervals, and the page."""
