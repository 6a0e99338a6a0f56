"""The measuring: one fresh process per cell, its records on a private pipe."""
