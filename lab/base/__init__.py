"""Standard library only: the catalogue of services, errors, values, and the mathematics of data and drift. Every other folder may import it."""
