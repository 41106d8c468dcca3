"""What people ask for: runs and comparisons as validated models, read from TOML or from flags."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_origin

import tomli_w
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, field_validator

from genbench.errors import ConfigError, DataError
from genbench.files import read_text
from genbench.plugins import nearest

Model = TypeVar("Model", bound=BaseModel)

FEW_PICTURES = {"smoke": (100, 32), "quick": (1000, 320)}
"""Pictures generated for FID, never more than there are real ones, and for each condition list, by preset;"""
MANY_PICTURES = (5000, 640)
"""of other presets."""


CompileMode = Literal["off", "default", "reduce-overhead", "max-autotune"]
"""``off``, or a mode of `torch.compile`; ``reduce-overhead`` replays CUDA graphs."""

Selection = Literal["final", "validation", "guide", "source", "unsupervised", "oracle"]
"""Which weights are measured: those at the end of training, or the best by a score; see `genbench.selection`."""

RESERVED = frozenset({"stages", "artifacts", "samples", "mlflow.db", "published", "reference"})
"""Names under the results folder that a comparison cannot have."""


LONGEST_PATH = 4096


def _can_exist(path: Path) -> Path:
    """A path that files, stores and records can keep. Raises `ValueError`."""
    text = str(path)
    if len(text) > LONGEST_PATH:
        raise ValueError(f"a path has at most {LONGEST_PATH:,} characters: check it")
    if "\0" in text or any("\ud800" <= letter <= "\udfff" for letter in text):
        raise ValueError("the path is not UTF-8 text without NUL: rename the file or folder")
    return path


FilePath = Annotated[Path, AfterValidator(_can_exist)]

Compile = Annotated[
    CompileMode,
    Field(description="training steps compiled by torch: off, or its mode", exclude_if=lambda mode: mode == "off"),
]
"""Left out of dumps where it is off: hashes of specifications are what they were without it."""


class Spec(BaseModel):
    """Base of the models that files fill in: immutable, and unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class DataSpec(Spec):
    """Which data, at which size, from where."""

    name: str = Field("digits", description="a data set from `genbench ls datasets`, or source:target for adaptation")
    resolution: int | None = Field(None, ge=4, le=1024, description="pixels on a side; default: the data set's own")
    root: FilePath | None = Field(None, description="folder with the files, where they are not built in")
    download: bool = Field(False, description="allow fetching from the data set's own home")
    augment: Literal["none", "flip"] = Field("none", description="augmentation of training batches")


class EvaluationSpec(Spec):
    """What is generated for scoring, and which scores."""

    pictures: int | None = Field(None, ge=2, le=1_000_000, description="pictures for FID; default by preset")
    list_pictures: int | None = Field(
        None, ge=1, le=1_000_000, description="pictures for each condition list; default by preset"
    )
    metrics: tuple[str, ...] = Field((), description="names from `genbench ls metrics`; default: all quick ones")
    extractor: str | None = Field(
        None, description="referee, inception or a registered one; default: by weights at hand"
    )
    inception_weights: FilePath | None = Field(None, description="Inception-v3 weights for FID; default: GENBENCH_HOME")
    lab_checkpoint: FilePath | None = Field(None, description="the lab's ResNet-18 checkpoint.pth for i-CLEVR")


class RowSpec(Spec):
    """One model under comparison: a family, a preset, and what is changed in it."""

    family: str
    preset: str = "quick"
    label: str | None = Field(None, description="the row's name in tables; default: the family's")
    budget: str | None = Field(
        None, description="e.g. 200kimg, 5000steps, 20epochs, 120s, 2e14flop; default: the preset's"
    )
    train: dict[str, Any] = Field(default_factory=dict, description="changes to the family's training configuration")
    sample: dict[str, Any] = Field(default_factory=dict, description="changes to its sampling configuration")
    selection: Selection = Field(
        "final", description="which weights: final, validation or guide; for adaptation source, unsupervised, oracle"
    )

    @field_validator("label")
    @classmethod
    def _label_can_be_seen(cls, label: str | None) -> str | None:
        if label is not None and not label.strip():
            raise ValueError("a label needs a visible character; leave it out for the family's name")
        return label

    @property
    def title(self) -> str:
        """Label or family, and how its weights were chosen unless they are final: ``ddpm@validation``."""
        title, tag = self.label or self.family, f"@{self.selection}"
        return title if self.selection == "final" or tag in title else title + tag


class RunSpec(RowSpec):
    """One run: a row at one repetition, on given data."""

    data: DataSpec = DataSpec()
    evaluation: EvaluationSpec = EvaluationSpec()
    repetition: int = Field(0, ge=0, description="the seed is derived from it")
    device: str = "auto"
    precision: str = "auto"
    compile: Compile = "off"
    processes: int = Field(1, ge=1, le=1024, description="processes that share each training batch")
    pictures_as: Literal["smoke", "quick", "standard"] | None = Field(
        None, description="preset whose default numbers of pictures hold; default: its own"
    )

    @property
    def default_pictures(self) -> tuple[int, int]:
        """Pictures for FID and for each condition list, where the evaluation names no number."""
        return FEW_PICTURES.get(self.pictures_as or self.preset, MANY_PICTURES)


class ComparisonSpec(Spec):
    """A table: rows on the same data, each repeated with the same seeds."""

    name: str | None = Field(None, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$", description="folder under results/")
    rows: tuple[RowSpec, ...] = Field(min_length=1)
    data: DataSpec = DataSpec()
    evaluation: EvaluationSpec = EvaluationSpec()
    seeds: int = Field(3, ge=1, le=1000, description="repetitions of every row")
    budget: str | None = Field(None, description="the same budget for every row")
    device: str = "auto"
    precision: str = "auto"
    compile: Compile = "off"

    @field_validator("name")
    @classmethod
    def _name_is_free(cls, name: str | None) -> str | None:
        if name in RESERVED:
            raise ValueError(f"{name} is a folder or file of genbench's own; choose another name")
        return name

    def run_spec(self, row: RowSpec, repetition: int) -> RunSpec:
        """The run for one row and repetition. All rows make as many pictures, or their scores were of no one column."""
        values = row.model_dump()
        most = max((other.preset for other in self.rows), key=lambda preset: FEW_PICTURES.get(preset, MANY_PICTURES))
        if FEW_PICTURES.get(most) != FEW_PICTURES.get(row.preset):
            values["pictures_as"] = most if most in FEW_PICTURES else "standard"
        values["budget"] = row.budget if self.budget is None else self.budget
        return RunSpec(
            **values,
            data=self.data,
            evaluation=self.evaluation,
            repetition=repetition,
            device=self.device,
            precision=self.precision,
            compile=self.compile,
        )


def validate(model: type[Model], values: Mapping[str, Any], where: str) -> Model:
    """Build ``model`` from ``values``.

    Raises:
        ConfigError: one line naming ``where``, the key, what is wrong with it and, for an unknown key, the nearest one.
    """
    try:
        return model.model_validate(dict(values))
    except ValidationError as error:
        raise ConfigError(f"{where}: {_first_problem(model, error)}") from None


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file.

    Raises:
        ConfigError: when it is missing, unreadable, malformed or too large, naming the file and, where known, the line.
    """
    try:
        return parse_toml(read_text(path))
    except (DataError, tomllib.TOMLDecodeError) as error:
        named = str(error) if isinstance(error, DataError) else f"{path}: not valid TOML: {error}: correct it"
        raise ConfigError(named) from None


def parse_toml(text: str) -> dict[str, Any]:
    """What a TOML document says.

    Raises:
        TOMLDecodeError: when it is malformed, nested too deeply, or has a number of too many digits.
    """
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise tomllib.TOMLDecodeError("it is nested too deeply") from None
    except tomllib.TOMLDecodeError:
        raise
    except ValueError:
        raise tomllib.TOMLDecodeError("a number has too many digits") from None


def as_toml(spec: Spec) -> str:
    """A specification as a file that gives the same one again: everything in it, defaults too, in ASCII."""
    text = tomli_w.dumps(spec.model_dump(mode="json", exclude_none=True))
    return "".join(letter if letter.isascii() else _spelled(letter) for letter in text)


def _spelled(letter: str) -> str:
    """A letter by its number, as strings and quoted keys of TOML may have it."""
    return f"\\u{ord(letter):04X}" if ord(letter) < 0x10000 else f"\\U{ord(letter):08X}"


def parse_assignments(assignments: list[str]) -> dict[str, dict[str, Any]]:
    """Turn ``["train.lr=1e-3", "sample.eta=0.5"]`` into ``{"train": {"lr": 0.001}, "sample": {"eta": 0.5}}``.

    The right-hand side is read as a TOML value; what is none is taken as a string.

    Raises:
        ConfigError: when an assignment is not of the form ``train.KEY=VALUE`` or ``sample.KEY=VALUE``.
    """
    result: dict[str, dict[str, Any]] = {"train": {}, "sample": {}}
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        part, dot, name = key.strip().partition(".")
        if not equals or not dot or part not in result or not name:
            raise ConfigError(f"--set {assignment!r} is not understood: write train.KEY=VALUE or sample.KEY=VALUE")
        try:
            result[part][name] = parse_toml(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            result[part][name] = text.strip()
    return result


def _first_problem(model: type[BaseModel], error: ValidationError) -> str:
    problems = error.errors(include_url=False)
    first = problems[0]
    # A list of wrong entries counts as empty, too: that is no second problem.
    problems = [p for p in problems if p is first or p["type"] != "too_short" or p["loc"] != first["loc"][:1]]
    key = ".".join(str(part) for part in first["loc"]) or "(top level)"
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    if first["type"] == "extra_forbidden":
        if len(first["loc"]) == 1 and (place := _elsewhere(model, str(first["loc"][0]))):
            return place + more
        known = _fields_at(model, first["loc"][:-1])
        return f"unknown key {key!r}: {nearest(str(first['loc'][-1]), known)}{more}"
    value = first.get("input")
    shown = "" if isinstance(value, dict | list) or first["type"] == "missing" else f" (got {value!r:.80})"
    message = _PLAINLY.get(first["type"], first["msg"].removeprefix("Value error, "))
    return f"{key}: {message}{shown}{more}"


_PLAINLY = {
    "missing": "is missing: add it",
    "tuple_type": "must be a list, in brackets",
    "list_type": "must be a list, in brackets",
    "dict_type": "must be a table of keys and values",
    "model_type": "must be a table of keys and values",
    "model_attributes_type": "must be a table of keys and values",
}
"""What pydantic says in Python's words, in those of TOML."""


def _elsewhere(model: type[BaseModel], key: str) -> str:
    """Where a key belongs that stands at the top of a file by mistake; empty when it is nowhere else either."""
    if key == "dataset" and "data" in model.model_fields:
        return "dataset: write name under [data]"
    for part, shown in (("rows", "[[rows]]"), ("data", "[data]"), ("evaluation", "[evaluation]")):
        if key in (_fields_at(model, (part,)) if part in model.model_fields else ()):
            return f"{key} belongs into {shown}"
    return ""


def _fields_at(model: type[BaseModel], path: tuple[int | str, ...]) -> list[str]:
    """Field names of the model that ``path`` leads to, looking through tuples, tables and optionals."""
    current, named_freely = model, False
    for part in path:
        if isinstance(part, int) or named_freely:
            named_freely = False
            continue
        field = current.model_fields.get(part)
        if field is None:
            return []
        candidates = [field.annotation, *getattr(field.annotation, "__args__", ())]
        nested = next((c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel)), None)
        if nested is None:
            return []
        current, named_freely = nested, get_origin(field.annotation) is dict
    return list(current.model_fields)
