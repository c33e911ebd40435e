"""For authors of plugins: a harness, fakes and contract suites."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from auricle.testing.harness import Harness as Harness
    from auricle.testing.harness import Heard as Heard

__all__ = ["Harness", "Heard"]


def __getattr__(name: str) -> Any:
    """The harness when it is asked for: it brings the host and the pipeline, which the fakes can do without."""
    if name in __all__:
        from auricle.testing import harness

        return getattr(harness, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
