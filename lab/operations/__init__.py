"""A lab as a whole: up and down, doctor, training runs, data, backup and restore, images."""
