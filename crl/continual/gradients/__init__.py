"""Transformations of the gradients, and of the steps that follow from them."""
