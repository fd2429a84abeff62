"""Domain adaptation without target labels: lesson 06."""
