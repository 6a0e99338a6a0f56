"""The report's chapters, each with its text, tables and pictures together.

A chapter is a module or a folder with `chapter(study)`, which gives its `Section`, or None where there
is nothing to say.
"""
