"""A compiled kernel that unrolls networks: several times faster than the same steps in PyTorch on one core.

Its sources are plain C (``source/``), built with the package (:mod:`crl.kernel.building`); where it was not built,
everything works without it (:func:`crl.kernel.library.library` says why).
"""
