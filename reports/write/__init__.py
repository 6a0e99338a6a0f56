"""What chapters are written with: parts of sentences, names of things, tables, and the document."""
