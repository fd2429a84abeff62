"""Data of the course: drawn images, mini network weights, their cards and recipes."""
