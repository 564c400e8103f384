"""A model's folder as a first look at its data suggests it, for a person to go through."""
