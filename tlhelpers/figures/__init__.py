"""Pictures and plots in one style, each with its alternative text."""
