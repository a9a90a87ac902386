"""The sub-commands of ``crl`` that are more than a few lines: one file each, with a function ``register(app)``.

The file's name is the command's; :mod:`crl.cli` registers all of them. They import what they need when they run.
"""
