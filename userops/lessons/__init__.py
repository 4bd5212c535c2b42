"""The computations behind the explorers; none answers an exercise as it stands."""
