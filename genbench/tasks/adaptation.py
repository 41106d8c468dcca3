"""The task ``adaptation``: learn classes from a labelled source, recognise them in a target without labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, NoReturn, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from genbench.api import AdaptationLearner, Family, Learner, Task
from genbench.data import ImageData, PairBatches, to_float
from genbench.data.loader import Augment
from genbench.data.pairs import DomainPair, load_pair, parse_pair
from genbench.errors import ConfigError, RunError
from genbench.evaluators import Evaluators
from genbench.files import whole_file
from genbench.hashing import content_hash, derive_seed
from genbench.metrics.base import Identity, MetricContext, Predictions, Value
from genbench.observing import Observer
from genbench.planning import Plan
from genbench.precision import prepare
from genbench.resources import Stopwatch
from genbench.selection import Criterion
from genbench.specs import DataSpec, EvaluationSpec, RunSpec, Selection
from genbench.tasks.base import data_request
from genbench.tasks.criteria import labelled_accuracy, mutual_information, oracle_accuracy
from genbench.tasks.domains import FIGURE_POINTS, Embedded, class_numbers, draw_domains, proxy_a_distance
from genbench.tasks.scoring import metrics_for

Domain = Literal["source", "target"]
DOMAINS: tuple[Domain, ...] = ("source", "target")
SPLITS = ("validation", "test")

FEATURE_PICTURES = 1000
"""Test pictures of each domain whose features are kept, for the proxy A-distance and figures."""

BEFORE = "before training"
"""The row of a single run's figure that shows what the untrained network makes of the same pictures."""

MEASURE_VERSION = 3
"""Raised when the same predictions would give other values or identities."""


class Adaptation:
    """A pair of domains opened for adaptation.

    Training batches hold the source's training pictures with labels, and the target's training pictures without.
    ``labelled="target"`` (see `oracle`) puts the target's own labelled pictures in the source's place: what is trained
    then is an upper bound. Everything else, and so every value's identity, is the same.
    """

    task: Task = "adaptation"
    selections: tuple[Selection, ...] = ("final", "source", "unsupervised", "oracle")

    def __init__(self, pair: DomainPair, *, labelled: Domain = "source") -> None:
        self.pair = pair
        self.labelled: Domain = labelled
        train = self.data(labelled).splits["train"]
        self.info = replace(pair.source.info, name=pair.name, train_size=len(train))
        self.identity = pair.identity if labelled == "source" else content_hash([pair.identity, "labelled: target"])

    @classmethod
    def open(
        cls,
        spec: DataSpec,
        evaluation: EvaluationSpec,
        device: torch.device,  # noqa: ARG003
        observer: Observer,
    ) -> Adaptation:
        """Find, decode, align and cache both data sets.

        Raises:
            ConfigError: settings of evaluation that mean nothing here.
            PluginError, DataError: as `load_pair`.
        """
        check_evaluation(evaluation)

        def progress(done: int, total: int) -> None:
            observer.stage_started("data", total, "img")
            observer.stage_progress("data", done)

        request = data_request(spec, *parse_pair(spec.name))
        pair = load_pair(spec.name, request, progress=progress, warned=observer.warned)
        observer.stage_finished("data", reused=True)
        return cls(pair)

    def looks_at_samples(self, family: Family) -> bool:  # noqa: ARG002
        """No: there are none."""
        return False

    def criteria(self, plan: Plan) -> list[Criterion]:
        """Accuracy where labels are trained on, information where they are not; the oracle only if asked for by name.

        The target's labels are read for an oracle alone: for families that train on them, and for the selection.
        """
        target = self.pair.target.splits["validation"]
        labelled = self.data(self.labelled)
        criteria = [
            labelled_accuracy(labelled.splits["validation"], plan.device, labelled.info.name),
            mutual_information(target.images, plan.device),
        ]
        return [*criteria, oracle_accuracy(target, plan.device)] if plan.spec.selection == "oracle" else criteria

    def oracle(self) -> Adaptation:
        """The same pair for families that are upper bounds: the labelled training pictures are the target's."""
        return Adaptation(self.pair, labelled="target")

    def data(self, domain: Domain) -> ImageData:
        """One domain's data."""
        return self.pair.source if domain == "source" else self.pair.target

    def batches(self, *, batch_size: int, seed: int, device: torch.device, augment: Augment) -> PairBatches:
        """Labelled pictures beside the target's, from which the labels are left out."""
        labelled, unlabelled = self.data(self.labelled).splits["train"], self.pair.target.splits["train"].images
        return PairBatches(labelled, unlabelled, batch_size, seed, device, augment=augment)

    def guide_hash(self) -> NoReturn:
        """There is none. Raises `ConfigError`."""
        raise ConfigError("adaptation has no guide classifier: a family for it must not ask for one")

    def guide(self, device: torch.device) -> nn.Module:  # noqa: ARG002
        """There is none. Raises `ConfigError`."""
        self.guide_hash()

    def sample_identity(self, spec: RunSpec) -> Mapping[str, Any]:  # noqa: ARG002
        """The pair, and which pictures are classified."""
        sizes = {f"{domain}/{split}": len(self.data(domain).splits[split]) for domain in DOMAINS for split in SPLITS}
        return {"pair": self.pair.identity, "features": FEATURE_PICTURES, "untrained": True, **sizes}

    def measure_identity(self, spec: RunSpec) -> Mapping[str, Any]:
        """What is measured."""
        metrics = {metric.name: metric.version for metric in metrics_for(self.task, spec.evaluation.metrics)}
        return {"version": MEASURE_VERSION, "metrics": metrics}

    def produce(self, learner: Learner, plan: Plan, folder: Path, observer: Observer) -> Mapping[str, float]:
        """Classify held-out pictures of both domains, and keep features of some; return seconds a picture."""
        if not isinstance(learner, AdaptationLearner):
            raise RunError(f"family {plan.spec.family!r} says it adapts, but its learner has no classify()")
        size = int(getattr(plan.resolved.sample, "batch_size", 256))
        sets = {(domain, split): self.data(domain).splits[split].images for domain in DOMAINS for split in SPLITS}
        total, done = sum(map(len, sets.values())), 0
        observer.stage_started("sample", total, "img")
        clock = Stopwatch(plan.device)
        for (domain, split), images in sets.items():
            logits, features = [], []
            for start in range(0, len(images), size):
                chunk = to_float(torch.from_numpy(np.array(images[start : start + size])).to(plan.device))
                clock.start()
                scores = learner.classify(chunk)
                clock.pause()
                logits.append(self._checked(scores, len(chunk), plan))
                if split == "test" and start < FEATURE_PICTURES:
                    features.append(learner.features(chunk).float().cpu().numpy())
                done += len(chunk)
                observer.stage_progress("sample", done)
            _save(folder / f"{domain}-{split}.logits.npy", np.concatenate(logits))
            if features:
                _save(folder / f"{domain}-{split}.features.npy", np.concatenate(features)[:FEATURE_PICTURES])
        self._keep_untrained(plan, folder, size)
        return {"sample_s": clock.seconds / total, "evaluations": 1.0, "pictures": total}

    def measure(self, plan: Plan, folder: Path, observer: Observer) -> Sequence[Value]:
        """Score the predictions with every metric; then ``proxy_a_distance`` of the features."""
        context = MetricContext(
            data=self.pair.target,
            pictures={},
            evaluators=Evaluators(self.pair.target, device=plan.device),
            device=plan.device,
            predictions=self.predictions(folder),
        )
        metrics = metrics_for(self.task, plan.spec.evaluation.metrics)
        observer.stage_started("evaluate", len(metrics) + 1, "metrics")
        values: list[Value] = []
        for number, metric in enumerate(metrics, 1):
            values += metric.compute(context)
            observer.stage_progress("evaluate", number)
        values.append(self._distance(folder))
        observer.stage_progress("evaluate", len(metrics) + 1)
        return [replace(value, identity={**value.identity, "pair": self.pair.identity}) for value in values]

    def predictions(self, folder: Path) -> Predictions:
        """What `produce` wrote of both test splits, beside the truth."""
        logits = {domain: _load(folder / f"{domain}-test.logits.npy") for domain in DOMAINS}
        labels = {domain: class_numbers(self.data(domain).splits["test"].conditions) for domain in DOMAINS}
        return Predictions(
            target_logits=logits["target"],
            target_labels=labels["target"],
            source_logits=logits["source"],
            source_labels=labels["source"],
            source=f"{self.pair.source.info.name}@{self.info.resolution}/test",
            source_hash=self.pair.source.identity,
        )

    def sheet(self, rows: Sequence[tuple[str, Path]], target: Path, *, title: str) -> Path | None:
        """The features of both domains by t-SNE, by class and by domain, one row of panels a folder.

        Before and after adaptation: of several runs, source-only is the one before; a single one stands below what its
        untrained network makes of the same pictures.
        """
        labels = [class_numbers(self.data(domain).splits["test"].conditions) for domain in DOMAINS]
        shown = [(label, folder, "test") for label, folder in rows]
        if len(rows) == 1:
            shown.insert(0, (BEFORE, rows[0][1], "untrained"))
        drawn = []
        for label, folder, kind in shown:
            features = [_load(folder / f"{domain}-{kind}.features.npy") for domain in DOMAINS]
            drawn.append(Embedded(label, features[0], features[1], labels[0], labels[1]))
        names = (self.pair.source.info.name, self.pair.target.info.name)
        return draw_domains(drawn, self.info.conditions, target, names=names, title=title)

    def draw(self, plan: Plan, folder: Path, target: Path) -> None:
        """Draw `sheet` for print: domains.pdf and domains.png."""
        for ending in ("pdf", "png"):
            self.sheet([(plan.spec.title, folder)], target / f"domains.{ending}", title=plan.label)

    def _keep_untrained(self, plan: Plan, folder: Path, size: int) -> None:
        """Features of the pictures that a figure shows, by the network as it was before the first step."""
        with torch.random.fork_rng():
            torch.manual_seed(derive_seed(plan.seed, "init"))
            learner = plan.resolved.family.learner(plan.resolved.train, self.info)
        assert isinstance(learner, AdaptationLearner)
        prepare(learner.networks.values(), plan.device, plan.precision)
        for network in learner.networks.values():
            network.eval()
        for domain in DOMAINS:
            images = self.data(domain).splits["test"].images[:FIGURE_POINTS]
            features = []
            for start in range(0, len(images), size):
                chunk = to_float(torch.from_numpy(np.array(images[start : start + size])).to(plan.device))
                features.append(learner.features(chunk).float().cpu().numpy())
            _save(folder / f"{domain}-untrained.features.npy", np.concatenate(features))

    def _distance(self, folder: Path) -> Value:
        source, target = (_load(folder / f"{domain}-test.features.npy") for domain in DOMAINS)
        identity: Identity = {
            "classifier": "logistic regression, C 0.01, random halves",
            "samples": min(len(source), len(target)),
            "reference": f"{self.info.name}@{self.info.resolution}/test",
        }
        return Value("proxy_a_distance", proxy_a_distance(source, target), identity)

    def _checked(self, scores: torch.Tensor, pictures: int, plan: Plan) -> npt.NDArray[np.float32]:
        shape = (pictures, len(self.info.conditions))
        if tuple(scores.shape) != shape:
            raise RunError(f"family {plan.spec.family!r} scored shape {tuple(scores.shape)}, expected {shape}")
        if not bool(scores.isfinite().all()):
            raise RunError(f"family {plan.spec.family!r} gave scores that are not finite")
        return cast("npt.NDArray[np.float32]", scores.float().cpu().numpy())


def check_evaluation(evaluation: EvaluationSpec) -> None:
    """Raise `ConfigError` for settings that only generation has."""
    for key in ("pictures", "list_pictures", "inception_weights", "lab_checkpoint", "extractor"):
        if getattr(evaluation, key, None) is not None:
            raise ConfigError(f"{key} is a setting for generated pictures, not for adaptation: leave it out")


def _save(path: Path, array: npt.NDArray[np.float32]) -> None:
    with whole_file(path) as part, part.open("wb") as file:
        np.save(file, array, allow_pickle=False)


def _load(path: Path) -> npt.NDArray[np.float32]:
    return cast("npt.NDArray[np.float32]", np.load(path, allow_pickle=False))
