"""What only the lessons need: self-checks, quizzes, verdicts, the map of the field."""
