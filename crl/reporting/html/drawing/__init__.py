"""Drawings as SVG: scales, colours, curves, intervals and heat maps."""
