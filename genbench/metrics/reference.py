"""Features of real pictures as a file that can be passed on, so that nobody need have the pictures to compare with."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save_file

from genbench.errors import DataError
from genbench.files import whole_file
from genbench.metrics.base import Identity, MetricContext
from genbench.metrics.extractors import Extractor, Features
from genbench.metrics.features import chosen_rows, extract, pictures_hash, real_pictures

FORMAT = "genbench-reference-1"
EVERY = 2**62


@dataclass(frozen=True)
class ReferenceFeatures:
    """Features float32 [N, D] of a set of real pictures.

    Attributes:
        features: one row a picture.
        extractor: the identity of what extracted them.
        name: which pictures, in words, e.g. ``"digits@16/test"``.
        hash: of the pictures.
        path: the file, for messages.
    """

    features: Features
    extractor: Identity
    name: str
    hash: str
    path: Path | None = None


def reference_features(context: MetricContext, extractor: Extractor) -> ReferenceFeatures:
    """Features of all pictures that there are to compare with: those of a file, the pictures given, or held out.

    Raises:
        DataError: when the file's features are another extractor's.
    """
    if (given := context.reference_features) is None:
        images = real_pictures(context, "test", EVERY)
        return ReferenceFeatures(
            extract(extractor, images, context.cache),
            extractor.identity,
            reference_name(context),
            pictures_hash(images),
        )
    _check_extractor(given, extractor)
    return given


def compared_with(context: MetricContext, extractor: Extractor, count: int) -> tuple[Features, Identity]:
    """Features of ``count`` real pictures (or all, if there are fewer), and the identity of that choice.

    Which are chosen depends on nothing but how many there are, so a file of features gives the values that the
    pictures themselves give.
    """
    if (given := context.reference_features) is None:
        every, chosen = (real_pictures(context, "test", number) for number in (EVERY, count))
        features, name, known = extract(extractor, chosen, context.cache), reference_name(context), pictures_hash(every)
    else:
        _check_extractor(given, extractor)
        features = given.features[chosen_rows(len(given.features), count)]
        name, known = given.name, given.hash
    return features, {"reference": name, "reference_samples": len(features), "reference_hash": known}


def reference_name(context: MetricContext) -> str:
    """Which real pictures are compared with, in words."""
    if context.reference_features is not None:
        return context.reference_features.name
    info = context.data.info
    return "given pictures" if context.reference is not None else f"{info.name}@{info.resolution}/test"


def save_reference(path: Path, content: ReferenceFeatures) -> Path:
    """Write features as safetensors, with what extracted them and from which pictures; return the path."""
    card = {"extractor": dict(content.extractor), "reference": content.name, "reference_hash": content.hash}
    with whole_file(path) as part:
        save_file(
            {"features": np.ascontiguousarray(content.features)},
            part,
            metadata={"format": FORMAT, "card": json.dumps(card, sort_keys=True)},
        )
    return path


def load_reference(path: Path) -> ReferenceFeatures:
    """Read what `save_reference` wrote; no code in the file is run.

    Raises:
        DataError: when the file is missing, damaged or of another kind.
    """
    advice = "write one with `genbench evaluate FOLDER --save-reference FILE`"
    if not path.is_file():
        raise DataError(f"{path}: there is no such file of reference features: {advice}")
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            if metadata.get("format") != FORMAT:
                raise DataError(f"{path}: not a file of reference features: {advice}")
            features = file.get_tensor("features")
            card = json.loads(metadata["card"])
        content = ReferenceFeatures(
            features, dict(card["extractor"]), str(card["reference"]), str(card["reference_hash"]), path
        )
    except DataError:
        raise
    except Exception as error:  # readers raise almost anything on damaged files
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise DataError(f"{path}: damaged reference features ({reason}): {advice}") from None
    if features.ndim != 2 or features.dtype != np.float32 or not np.isfinite(features).all():
        raise DataError(f"{path}: damaged reference features (not finite vectors): {advice}")
    return content


def _check_extractor(given: ReferenceFeatures, extractor: Extractor) -> None:
    if dict(given.extractor) != dict(extractor.identity):
        theirs, ours = (f"{who.get('extractor')} {who.get('weights')}" for who in (given.extractor, extractor.identity))
        raise DataError(
            f"{given.path or given.name}: holds features of {theirs}, but pictures are compared by {ours}: "
            "choose the same with --extractor and --inception-weights"
        )
