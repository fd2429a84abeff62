"""One module or sub-package for each method that a lesson builds."""
