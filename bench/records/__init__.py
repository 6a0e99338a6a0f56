"""All that a result means: records, files, limits, derived figures, verdicts."""
