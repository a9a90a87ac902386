"""The action flow: the velocity field, its training and its integration."""
