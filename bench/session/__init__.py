"""One `pytest bench`: opened, run cell by cell, resumed."""
