"""Read the tensors of a CTranslate2 model file.

The format, little-endian: version, name of the specification, its revision, number of
variables, then each variable (name, dimensions, type, bytes), then aliases. Strings are a
16-bit length that counts the final zero, then the bytes.

References
----------
https://github.com/OpenNMT/CTranslate2, ``python/ctranslate2/specs/model_spec.py``.
"""

import struct
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilbert.stages.extract.encoders.checkpoints import as_float32
from hilbert.store.errors import HilbertError

_MIN_VERSION = 4
_DTYPES = ("<f4", "<i1", "<i2", "<i4", "<f2", "<u2")  # by the format's number; last is bfloat16
_BFLOAT16 = 5


class _Reader:
    """Reads one value after another from a buffer."""

    def __init__(self, data: bytes) -> None:
        self._data = memoryview(data)
        self.position = 0

    def numbers(self, form: str) -> tuple[int, ...]:
        values = struct.unpack_from("<" + form, self._data, self.position)
        self.position += struct.calcsize("<" + form)
        return values

    def number(self, form: str) -> int:
        return self.numbers(form)[0]

    def text(self) -> str:
        n = self.number("H")
        return self.raw(n)[: n - 1].tobytes().decode()

    def raw(self, n_bytes: int) -> memoryview:
        if self.position + n_bytes > len(self._data):
            raise ValueError("the file is too short")
        self.position += n_bytes
        return self._data[self.position - n_bytes : self.position]


class Ct2Tensors:
    """Tensors of a CTranslate2 model by name; remembers which were taken."""

    def __init__(self, tensors: Mapping[str, NDArray[Any]]) -> None:
        self._tensors = tensors
        self._taken: set[str] = set()

    def __contains__(self, name: str) -> bool:
        return name in self._tensors

    def shape(self, name: str) -> tuple[int, ...]:
        return self._find(name).shape

    def scalar(self, name: str) -> int:
        return int(self.take(name).reshape(-1)[0])

    def take(self, name: str) -> NDArray[Any]:
        """The tensor as floating-point numbers; int8 rows are multiplied out by their scale."""
        values = self._find(name)
        self._taken.add(name)
        if values.dtype != np.int8 or values.ndim == 0:
            return values
        scale = np.asarray(self.take(f"{name}_scale"), dtype=np.float32)
        rows = scale.reshape(-1, *[1] * (values.ndim - 1))
        return values.astype(np.float32) / rows

    def left(self) -> list[str]:
        """Names of tensors (single numbers apart) that nothing took."""
        return sorted(n for n, t in self._tensors.items() if n not in self._taken and t.size > 1)

    def _find(self, name: str) -> NDArray[Any]:
        if name not in self._tensors:
            raise HilbertError(f"The CTranslate2 model has no tensor {name}.")
        return self._tensors[name]


def read_ct2(data: bytes, specification: str) -> Ct2Tensors:
    """Tensors of a CTranslate2 model.

    Parameters
    ----------
    data : bytes
        Content of ``model.bin``.
    specification : str
        The kind of model expected, such as ``"WhisperSpec"``.

    Raises
    ------
    HilbertError
        If `data` is no such model.
    """
    try:
        return _read(_Reader(data), len(data), specification)
    except (ValueError, IndexError, KeyError, struct.error) as error:
        raise HilbertError(f"The CTranslate2 model cannot be read: {error}.") from None


def _read(reader: _Reader, n_bytes: int, specification: str) -> Ct2Tensors:
    if (version := reader.number("I")) < _MIN_VERSION:
        raise ValueError(f"format version {version} is older than {_MIN_VERSION}")
    if (found := reader.text()) != specification:
        raise ValueError(f"it is a {found}, not a {specification}")
    reader.number("I")  # revision of the specification
    tensors = dict(_variable(reader) for _ in range(reader.number("I")))
    for _ in range(reader.number("I")):
        alias, name = reader.text(), reader.text()
        tensors[alias] = tensors[name]
    if reader.position != n_bytes:
        raise ValueError(f"{n_bytes - reader.position} bytes are left at its end")
    return Ct2Tensors(tensors)


def _variable(reader: _Reader) -> tuple[str, NDArray[Any]]:
    name = reader.text()
    shape = reader.numbers("I" * reader.number("B"))
    kind = reader.number("B")
    values = np.frombuffer(reader.raw(reader.number("I")), _DTYPES[kind])
    return name, (as_float32(values) if kind == _BFLOAT16 else values).reshape(shape)
