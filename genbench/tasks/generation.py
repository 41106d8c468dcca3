"""The task ``generation``: make pictures for given conditions; score pictures with frozen classifiers and FID."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from genbench import plugins
from genbench.api import Family, GenerativeLearner, Learner, Task
from genbench.data import Batches, ImageData, load
from genbench.data.base import UInt8Array
from genbench.data.loader import Augment
from genbench.errors import ConfigError
from genbench.evaluators import Evaluators
from genbench.exporting.sheets import contact_sheet
from genbench.hashing import derive_seed
from genbench.metrics.base import FIDELITY, Pictures, Value
from genbench.observing import Observer
from genbench.planning import Plan, preset_sample
from genbench.resources import EvaluationCounter, Stopwatch, counted_flop
from genbench.selection import Criterion
from genbench.specs import DataSpec, EvaluationSpec, RunSpec, Selection
from genbench.tasks.base import data_request
from genbench.tasks.criteria import guide_accuracy, validation_loss
from genbench.tasks.looking import look
from genbench.tasks.sampling import chunks, generator_of, load_pictures, sample_chunk, save_pictures
from genbench.tasks.scoring import Scoring
from genbench.training import Training

SHEET_COLUMNS = 10
"""Conditions that a sheet of samples shows."""


class Generation:
    """Data opened for generation, with its evaluators."""

    task: Task = "generation"
    selections: tuple[Selection, ...] = ("final", "validation", "guide")

    def __init__(self, data: ImageData, evaluators: Evaluators) -> None:
        self.data = data
        self.info = data.info
        self.identity = data.identity
        self.evaluators = evaluators
        self.scoring = Scoring(data, evaluators)

    @classmethod
    def open(cls, spec: DataSpec, evaluation: EvaluationSpec, device: torch.device, observer: Observer) -> Generation:
        """Find, decode and cache the data. Raises `PluginError`, `ConfigError` or `DataError` in one line."""
        dataset = plugins.dataset(spec.name)
        request = data_request(spec, spec.name)

        def progress(done: int, total: int) -> None:
            observer.stage_started("data", total, "img")
            observer.stage_progress("data", done)

        data = load(dataset, request, progress=progress, warned=observer.warned)
        observer.stage_finished("data", reused=True)

        def training(role: str, done: int, total: int) -> None:  # noqa: ARG001
            observer.stage_started("evaluators", total, "steps")
            observer.stage_progress("evaluators", done)
            if done >= total:
                observer.stage_finished("evaluators", reused=False)

        evaluators = Evaluators(data, device=device, lab_checkpoint=evaluation.lab_checkpoint, progress=training)
        return cls(data, evaluators)

    def batches(self, *, batch_size: int, seed: int, device: torch.device, augment: Augment) -> Batches:
        """Shuffled training pictures with their conditions."""
        train = self.data.splits["train"]
        return Batches(train.images, train.conditions, batch_size=batch_size, seed=seed, device=device, augment=augment)

    def criteria(self, plan: Plan) -> list[Criterion]:
        """The family's validation loss, or a look at samples where they are cheap; the guide's score if asked for.

        Raises:
            ConfigError: when the guide is asked for on data without classes to tell apart.
        """
        split = self.data.splits["validation"]
        sampled = replace(plan.resolved, sample=preset_sample(plan.spec, self.info))
        as_preset = replace(plan, resolved=sampled)

        def sampler(learner: GenerativeLearner, conditions: UInt8Array) -> UInt8Array:
            parts = chunks(conditions, as_preset)
            made = [sample_chunk(learner, as_preset, part, derive_seed("guide", start)) for start, part in parts]
            return np.concatenate(made)

        if self.looks_at_samples(plan.resolved.family):
            criteria = [look(split, self.evaluators.guide, sampler)]
        else:
            criteria = [validation_loss(split, plan.device)]
        if plan.spec.selection == "guide":
            if not self._has_classes():
                raise ConfigError(f"selection 'guide': {self.info.name} has no classes to tell apart; choose another")
            criteria.append(guide_accuracy(split, self.evaluators.guide, sampler))
        return criteria

    def looks_at_samples(self, family: Family) -> bool:
        """Where a family samples quickly, and there is a guide to look."""
        return family.samples_quickly and self._has_classes()

    def _has_classes(self) -> bool:
        return len(self.info.conditions) > 1 and bool(self.data.splits["validation"].conditions.any())

    def oracle(self) -> Generation:
        """Raise `ConfigError`: generation has no labels that training must not see."""
        raise ConfigError("oracle families are for adaptation: use source:target data")

    def guide_hash(self) -> str:
        """The guide's weights, by hash."""
        return str(self.evaluators.guide.identity["weights"])

    def guide(self, device: torch.device) -> nn.Module:
        """A copy of the frozen guide: what a family does with it must not reach the one that scores."""
        return copy.deepcopy(self.evaluators.guide.module).to(device)

    def condition_sets(self, spec: RunSpec) -> dict[str, UInt8Array]:
        """The conditions to make pictures for: those of held-out pictures, and each list repeated."""
        held_out = self.data.splits["test"].conditions
        order = np.random.default_rng(derive_seed("held-out order") % 2**32).permutation(len(held_out))
        for_fid, for_list = spec.default_pictures
        wanted = spec.evaluation.pictures or min(for_fid, len(held_out))
        sets = {FIDELITY: held_out[np.resize(order, wanted)]}
        each = spec.evaluation.list_pictures or for_list
        for name, conditions in self.data.condition_lists.items():
            repeats = -(-each // len(conditions))
            sets[name] = np.tile(conditions, (repeats, 1))
        return sets

    def sample_identity(self, spec: RunSpec) -> Mapping[str, Any]:
        """How many pictures for which conditions."""
        return {name: len(conditions) for name, conditions in self.condition_sets(spec).items()}

    def measure_identity(self, spec: RunSpec) -> Mapping[str, Any]:
        """Metrics with their versions, and the weights of everything that scores."""
        return self.scoring.identity(spec.evaluation)

    def produce(self, learner: Learner, plan: Plan, folder: Path, observer: Observer) -> Mapping[str, float]:
        """Sample every picture set; return seconds and network evaluations a picture."""
        generative = generator_of(learner, plan)
        sets = self.condition_sets(plan.spec)
        total = sum(len(conditions) for conditions in sets.values())
        observer.stage_started("sample", total, "img")
        clock, done = Stopwatch(plan.device), 0
        first = next(iter(sets.values()))[:2]
        with counted_flop() as flop:  # on a call of its own: what happens only once a process is not sampling's cost
            sample_chunk(generative, plan, first, 0)
        averaged = learner.averaging.networks if learner.averaging else tuple(learner.networks)
        with EvaluationCounter(learner.networks[name] for name in averaged) as counter:
            for name, conditions in sets.items():
                shape = (len(conditions), self.info.resolution, self.info.resolution, self.info.channels)
                images = np.empty(shape, dtype=np.uint8)
                for start, chunk in chunks(conditions, plan):
                    clock.start()
                    made = sample_chunk(generative, plan, chunk, derive_seed(plan.seed, "sample", name, start))
                    clock.pause()
                    images[start : start + len(chunk)] = made
                    done += len(chunk)
                    observer.stage_progress("sample", done)
                save_pictures(folder, name, Pictures(images, conditions))
        return {
            "sample_s": clock.seconds / total,
            "evaluations": counter.pictures / total,
            "sample_flop": flop[0] / len(first),
            "pictures": total,
        }

    def sample(
        self, training: Training, plan: Plan, conditions: UInt8Array, *, seed: int, observer: Observer
    ) -> UInt8Array:
        """Pictures uint8 [N, H, W, C] for any conditions uint8 [N, K], from a trained model and a seed of one's own."""
        observer.stage_started("sample", len(conditions), "img")
        with training.applied() as learner:
            images = np.concatenate(
                [
                    sample_chunk(generator_of(learner, plan), plan, chunk, derive_seed("sample", seed, start))
                    for start, chunk in chunks(conditions, plan)
                ]
            )
        observer.stage_finished("sample", reused=False)
        return images

    def measure(self, plan: Plan, folder: Path, observer: Observer) -> Sequence[Value]:
        """Score the pictures with every metric; of those not asked for by name, the ones that can say something."""
        evaluation = plan.spec.evaluation
        metrics, lenient = self.scoring.metrics(evaluation), not evaluation.metrics
        return self.scoring.score(load_pictures(folder), metrics, evaluation, plan.device, observer, lenient=lenient)

    def draw(self, plan: Plan, folder: Path, target: Path) -> None:
        """Let every metric draw its figures of what `produce` wrote, into ``target``."""
        self.scoring.draw(load_pictures(folder), plan.spec.evaluation, target)

    def sheet(self, rows: Sequence[tuple[str, Path]], target: Path, *, title: str) -> Path | None:
        """One row of pictures a folder, one column a condition; the same conditions and start noises in every row."""
        name = next(iter(self.data.condition_lists), FIDELITY)
        sets = [(label, load_pictures(folder)[name]) for label, folder in rows]
        chosen = self._columns(sets[0][1].conditions)
        titles = [self.describe(sets[0][1].conditions[index]) for index in chosen]
        contact_sheet([(label, pictures.images[chosen]) for label, pictures in sets], titles, target, title=title)
        return target

    def describe(self, condition: UInt8Array) -> str:
        """A condition in words, e.g. ``red cube + cyan sphere``."""
        return " + ".join(self.info.conditions[index] for index in np.flatnonzero(condition))

    def _columns(self, conditions: UInt8Array) -> list[int]:
        """Which pictures a sheet shows: the first of each class, or of conditions spread over the list."""
        if self.info.exclusive:
            present = [int(np.argmax(conditions[:, k])) for k in range(conditions.shape[1]) if conditions[:, k].any()]
            return present[:SHEET_COLUMNS]
        distinct = np.unique(conditions, axis=0, return_index=True)[1]
        spread = np.sort(distinct)[np.linspace(0, len(distinct) - 1, min(SHEET_COLUMNS, len(distinct))).astype(int)]
        return [int(index) for index in spread]
