"""What a warehouse holds."""
