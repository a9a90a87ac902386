"""Tables and plots of missions, and what they were expected to show."""
