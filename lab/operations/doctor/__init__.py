"""What would keep a lab from starting or working, each finding with its remedy."""
