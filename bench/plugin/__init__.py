"""The glue to pytest and pytest-benchmark: what they show and save of a session."""
