"""mlops-lab: a governed MLOps platform on one machine."""
