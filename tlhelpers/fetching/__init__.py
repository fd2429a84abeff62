"""What the full profile uses and the course does not hold: listed, downloaded once, verified."""
