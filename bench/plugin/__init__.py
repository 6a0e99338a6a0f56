"""What pytest and pytest-benchmark show and save of a session."""
