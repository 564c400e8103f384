"""What a model is to the lab: the contract in its folder, read without Dagster and without the model's libraries."""
