"""Variations of HyperCRL with another hypernetwork, or with more than one weight per place."""
