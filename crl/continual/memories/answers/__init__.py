"""Memories that keep no inputs: what the network says about drawn ones is kept."""
