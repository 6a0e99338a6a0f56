"""The report that all this grew out of: its figures, what arithmetic says of them, and what runs say."""
