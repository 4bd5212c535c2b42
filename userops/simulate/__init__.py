"""How Juzi Mall's data are made: a known process, deterministic from a seed, at any size."""

from userops.simulate.company import company, simulate

__all__ = ["company", "simulate"]
