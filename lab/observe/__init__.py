"""What there is to see of a lab, without a screen: probes, sources, one snapshot after another."""
