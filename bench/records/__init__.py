"""The records of a run: types, files, limits, derived figures and verdicts."""
