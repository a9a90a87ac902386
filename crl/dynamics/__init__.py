"""Learned dynamics: features, normaliser, target network, hypernetworks, the model that joins them."""
