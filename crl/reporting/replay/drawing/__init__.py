"""What a replay draws: fields over time, a map from above, and the panel beside a picture."""
