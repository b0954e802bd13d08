"""`derive cache`: the private folder of compiled kernels."""

from __future__ import annotations

import click

from .group import main


@main.group()
def cache() -> None:
    """The private folder of compiled kernels.

    Kernels that were used least recently leave when it passes 1 GB. DERIVE_CACHE_LIMIT sets another limit, as 500 MB
    (0: none), and DERIVE_CACHE another folder.
    """


@cache.command()
def info() -> None:
    """Print where the cache is, and how much it holds and may hold."""
    from ..kernels.cache import cache_info

    found = cache_info()
    limit = "no limit" if found["limit"] is None else f"limit {found['limit'] / 1e6:g} MB"
    click.echo(
        f"{found['folder']}: {found['kernels']} kernels, {found['bytes'] / 1e6:.1f} MB "
        f"({limit}; DERIVE_CACHE_LIMIT sets it)"
    )


@cache.command()
def clear() -> None:
    """Remove all compiled kernels; they are compiled again when next needed."""
    from ..kernels.cache import cache_clear

    click.echo(f"{cache_clear()} kernels removed")
