"""Regimes of every kind of body, how different ones are drawn, and regimes that are made of two others."""
