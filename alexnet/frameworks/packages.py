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
        except metadata.PackageNotFoundError:
            continue
        if version:  # None after an installation that was broken off
            versions[package] = version
    return versions
