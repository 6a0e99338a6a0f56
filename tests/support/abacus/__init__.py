"""A made-up framework on numpy, which tests/test_third_framework.py adds to a copy of the project."""
