"""Generators that change a network which rests by matrices of low rank (Hu et al. 2022)."""
