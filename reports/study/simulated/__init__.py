"""Models whose truth is known, judged as the report judges saved runs."""
