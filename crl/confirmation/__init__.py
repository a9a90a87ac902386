"""Confirmation: a claim is put to the test once, on seeds, faults and maps that nobody has seen.

A suite (``configs/confirm/NAME.yaml``) states methods, distributions and criteria. They are committed before the run;
everything else is drawn from a block of seeds that nothing else may use (:mod:`crl.config.reserved`).
"""
