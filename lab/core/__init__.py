"""Standard library only: frozen values and pure functions that every other layer may import."""
