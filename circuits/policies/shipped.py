"""The shipped policies as dated files, and the documents that each was taken from.

`presets/sources/NAME.json` lists a preset's versions: the data, the documents with version, date and confidence, and
the parameters from which generation.py writes the files. The first version of each landed before there was a
generator: `NAME.json`, unchanged for ever. Later ones are `NAME@YYYY-MM.json`. A plain name means the newest.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Annotated, Any, Final, Literal

from pydantic import Field, StringConstraints

from zkmargin.circuits.markets.models import StrictModel, parse_model
from zkmargin.verifier.documents import read_json

FLAVOURS: Final = ("initial", "maintenance")
Dated = Annotated[str, StringConstraints(pattern=r"^20[0-9]{2}-(0[1-9]|1[0-2])$")]


class Document(StrictModel):
    """What a preset's numbers were read in. `version` is a commit or a digest."""

    title: str
    version: str = ""
    date: str
    confidence: Literal["seen in primary source", "second-hand", "inferred"]
    note: str = ""


class Version(StrictModel):
    """A dated version of a preset; without `parameters` it is the landed file."""

    dated: Dated
    as_of: str
    documents: Annotated[tuple[Document, ...], Field(strict=False, min_length=1)]
    parameters: dict[str, Any] | None = None


class Source(StrictModel):
    """A preset's versions, oldest first."""

    preset: str
    versions: Annotated[tuple[Version, ...], Field(strict=False, min_length=1)]


@dataclass(frozen=True)
class Shipped:
    """One shipped policy file. `name` is the plain one, flavour included."""

    name: str
    version: Version

    @property
    def alias(self) -> str:
        """The name that always means this file."""
        return f"{self.name}@{self.version.dated}"

    @property
    def file_name(self) -> str:
        """Its file in presets/."""
        return f"{self.name}.json" if self.version.parameters is None else f"{self.alias}.json"


@cache
def read_source(preset: str) -> Source:
    """A preset's versions, by its name without flavour. Raises FormatError."""
    with resources.as_file(resources.files(__package__) / "presets" / "sources" / f"{preset}.json") as path:
        return parse_model(Source, read_json(path), path.name)


def versions_of(name: str) -> tuple[Shipped, ...]:
    """The files of a preset, flavour included in its name, oldest first."""
    source = read_source(name.removesuffix("-maintenance"))
    return tuple(Shipped(name, version) for version in source.versions)
