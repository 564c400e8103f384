"""Standard library only: catalogue, errors, values, the mathematics of data and drift. Every folder imports it."""
