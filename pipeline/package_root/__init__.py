"""hilbert: document-level representations of long speech recordings."""

from typing import TYPE_CHECKING

__version__ = "0.1.0"
__all__ = ["__version__", "open_store"]

if TYPE_CHECKING:
    from hilbert.store.feature_store import open_store


def __getattr__(name: str) -> object:
    """Load the public functions when first used: ``import hilbert`` stays instant."""
    if name == "open_store":
        from hilbert.store.feature_store import open_store

        return open_store
    raise AttributeError(f"module 'hilbert' has no attribute {name!r}")
