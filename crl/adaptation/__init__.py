"""Adaptation: how a robot notices that its body has changed, finds out how, and corrects its actions for it."""
