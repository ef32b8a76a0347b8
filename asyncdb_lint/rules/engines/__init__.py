"""ADB5 engines, drivers, URLs."""
