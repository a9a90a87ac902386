"""A run's folder: its files, what is written to them, and what is believed of them."""
