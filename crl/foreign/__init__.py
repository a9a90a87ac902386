"""Environments of anyone: named by their Gymnasium id, varied by their arguments, described from their spaces."""
