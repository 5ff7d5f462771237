"""Freed memory, given back to the system."""

import ctypes
import sys


def trim_heap() -> None:
    """Give back what is freed but kept for later, where the C library can (glibc).

    It keeps what training freed in pieces that what comes next does not fit into: a tenth to a
    fifth of a gigabyte a process with 2,000 documents of 300 segments.
    """
    if sys.platform == "linux" and (trim := getattr(ctypes.CDLL(None), "malloc_trim", None)):
        trim(ctypes.c_size_t(0))
