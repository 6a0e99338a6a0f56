"""Which packages are installed here."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import metadata


def installed_versions(packages: Iterable[str]) -> dict[str, str]:
    """Package -> version, of those packages that are installed."""
    versions = {}
    for package in packages:
        try:
            version: str | None = metadata.version(package)
        except (metadata.PackageNotFoundError, FileNotFoundError):
            continue
        # After an installation that was broken off it is None, or missing for importlib_metadata, whose
        # import replaces what finds packages.
        if version:
            versions[package] = version
    return versions
