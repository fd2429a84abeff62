"""How every embedded item was made: one command each, `python -m data.recipes.<name>`.

A table with several parts has a package of the same name without `_table`: a module for each part,
and one for the Markdown page. `tables` has what they share.
"""
