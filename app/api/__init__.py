"""What the outside speaks to: CloudStack's endpoint, and the sign of life."""
