"""The report as HTML, Markdown, PDF and in a terminal."""
