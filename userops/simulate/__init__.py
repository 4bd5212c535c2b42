"""How Juzi Mall's data are made: a known process, deterministic from a seed, at any size."""

from userops.simulate.dataset import sample_dataset, simulate

__all__ = ["sample_dataset", "simulate"]
