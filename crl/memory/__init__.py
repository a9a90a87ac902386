"""A memory of regimes, and what is believed of the one in force: recall, bridge, learn in the background, hand over."""
