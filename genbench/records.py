"""What the record of a run (``result.json``) must have for tables to be made of it."""

from __future__ import annotations

from functools import cache
from typing import Any

from pydantic import ConfigDict, TypeAdapter, ValidationError
from typing_extensions import TypedDict

from genbench.errors import DataError


class _Stage(TypedDict):
    __pydantic_config__ = ConfigDict(extra="allow")  # type: ignore[misc]
    hash: str


class _Measured(TypedDict):
    __pydantic_config__ = ConfigDict(extra="allow")  # type: ignore[misc]
    value: float
    identity: dict[str, Any]
    ceiling: float | None


class _Record(TypedDict):
    __pydantic_config__ = ConfigDict(extra="allow")  # type: ignore[misc]
    schema: int
    label: str
    task: str
    family: str
    preset: str
    dataset: str
    resolution: int
    repetition: int
    budget: str
    spec: dict[str, Any]
    metrics: dict[str, _Measured]
    stages: dict[str, _Stage]


@cache
def _checked() -> TypeAdapter[_Record]:
    return TypeAdapter(_Record)


def check_record(content: Any, where: object) -> dict[str, Any]:
    """``content`` itself, when it is the record of a run.

    Raises:
        DataError: when it is not, naming ``where`` and the entry that is wrong.
    """
    try:
        _checked().validate_python(content, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(map(str, first["loc"])) or "the whole"
        raise DataError(
            f"{where}: not the record of a run ({key}: {first['msg']}): delete the run and run it again"
        ) from None
    return dict(content)
