"""Penalties: what a change away from earlier tasks costs."""
