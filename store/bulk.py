"""Work on objects by the hundred thousand."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def many_objects() -> Iterator[None]:
    """Without the collector of cycles, which looks at all objects again each time they grow.

    For code that makes many objects that last, and few cycles; a quarter of the time of a call
    that finds everything up to date, and a tenth of that to import libraries and load a model.
    Also a decorator.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
