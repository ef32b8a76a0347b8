"""ADB6 pools."""
