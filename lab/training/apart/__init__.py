"""A model's code in a process of its own environment. The `*_here` modules run there, alone: they import nothing of
the lab, and the lab nothing of the model's packages. What crosses are files: Parquet, CSV and JSON.
"""
