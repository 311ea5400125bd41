"""What the Python array API standard asks of an array object, beside arithmetic and indexing."""

from __future__ import annotations

from types import ModuleType
from typing import Any

__all__ = ["VERSIONS", "Standard", "install_namespace"]

#: Versions of the standard whose names the namespace has.
VERSIONS = ("2021.12", "2022.12", "2023.12", "2024.12")

_namespace: ModuleType | None = None


def install_namespace(namespace: ModuleType) -> None:
    """Make this the namespace of every `Array`."""
    global _namespace
    _namespace = namespace


class Standard:
    """Attributes of `Array` by which other libraries find their way."""

    def __array_namespace__(self, *, api_version: str | None = None) -> ModuleType:
        """The functions of numpywren under the names of the Python array API standard.

        Parameters
        ----------
        api_version : str, optional
            Version of the standard, such as ``"2024.12"``.

        Raises
        ------
        ValueError
            If the version is not known.
        """
        if api_version not in (None, *VERSIONS):
            raise ValueError(f"numpywren knows the array API {', '.join(VERSIONS)}, not {api_version!r}")
        if _namespace is None:
            raise TypeError("the namespace of arrays needs `import numpywren`")
        return _namespace

    @property
    def device(self) -> str:
        """``"cpu"``: where tiles are computed."""
        return "cpu"

    def to_device(self, device: Any, /, *, stream: Any = None) -> Any:
        """The array itself; there is no other device.

        Raises
        ------
        ValueError
            If another is asked for.
        """
        if device != "cpu" or stream is not None:
            raise ValueError(f"arrays are on the device 'cpu', not on {device!r}, and have no streams")
        return self
