"""Two tiny honest families, and variants that each break one law of the contract."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import torch
from pydantic import ConfigDict
from torch import Tensor, nn
from torch.nn import functional as F

from genbench.api import (
    AdaptationBatch,
    AdaptationLearner,
    Averaging,
    Batch,
    ConfigError,
    DataInfo,
    Diverged,
    Family,
    GenerativeLearner,
    Preset,
    SampleConfig,
    TrainConfig,
    condition_loss,
    randn,
)

# ---------------------------------------------------------------------------------------------------------- generation


class ToyTrainConfig(TrainConfig):
    learning_rate: float = 3e-2
    guided: bool = False
    diverge_after: int = 1000


class ToySampleConfig(SampleConfig):
    noise: float = 0.1


PRESETS = {name: Preset(name, budget="20steps") for name in ("smoke", "quick", "standard")}


class ToyLearner(GenerativeLearner):
    """Regresses pictures, less their running mean, on conditions and noise; schedules, averages, remembers."""

    def __init__(self, config: ToyTrainConfig, data: DataInfo, guide: nn.Module | None) -> None:
        self.config, self.data, self.guide = config, data, guide
        self.shape = (data.channels, data.resolution, data.resolution)
        pixels = data.channels * data.resolution**2
        self.network = nn.Sequential(nn.Linear(len(data.conditions) + 2, 16), nn.Tanh(), nn.Linear(16, pixels))
        self.networks = {"net": self.network}
        self.optimizers = {"adam": torch.optim.Adam(self.network.parameters(), lr=config.learning_rate)}
        self.averaging = Averaging(("net",), decay=0.99)
        self.centre = torch.zeros(self.shape)
        self.count = 0

    def step(self, batch: Batch, progress: float) -> Mapping[str, Tensor | float]:
        if self.count > self.config.diverge_after:
            raise Diverged("the toy diverged on purpose")
        self.centre = torch.lerp(self.centre, batch.images.mean(dim=0), 0.1)
        self.count += 1
        for group in self.optimizers["adam"].param_groups:
            group["lr"] = self.config.learning_rate * (1 - 0.9 * progress)
        noise = torch.randn(len(batch.images), 2) * (1 + self.count % 5)
        images = self.centre + self.network(torch.cat([batch.conditions, noise], dim=1)).unflatten(1, self.shape)
        loss = self.loss(images, batch)
        self.optimizers["adam"].zero_grad()
        loss.backward()
        self.optimizers["adam"].step()
        return {"loss": loss.detach(), "count": self.count}

    def loss(self, images: Tensor, batch: Batch) -> Tensor:
        loss = F.mse_loss(images, batch.images)
        if self.guide is None:
            return loss
        return loss + 0.1 * condition_loss(self.guide(images), batch.conditions, exclusive=self.data.exclusive)

    def sample(self, conditions: Tensor, config: ToySampleConfig, *, generator: torch.Generator) -> Tensor:
        noise = randn(len(conditions), 2, generator=generator, device=conditions.device)
        images = self.centre + self.network(torch.cat([conditions, noise], dim=1)).unflatten(1, self.shape)
        return images + config.noise * randn(*images.shape, generator=generator, device=conditions.device)

    def extra_state(self) -> dict[str, Tensor]:
        return {"centre": self.centre, "count": torch.tensor(self.count)}

    def load_extra_state(self, state: Mapping[str, Tensor]) -> None:
        self.centre, self.count = state["centre"].clone(), int(state["count"])


class Toy(Family):
    name = "toy"
    title = "Toy"
    task = "generation"
    TrainConfig: ClassVar[type[TrainConfig]] = ToyTrainConfig
    SampleConfig: ClassVar[type[SampleConfig]] = ToySampleConfig
    presets: ClassVar[Mapping[str, Preset]] = PRESETS
    Learner: ClassVar[type[ToyLearner]] = ToyLearner

    def needs_guide(self, config: Any) -> bool:
        return getattr(config, "guided", False)

    def learner(self, config: Any, data: DataInfo, *, guide: nn.Module | None = None) -> GenerativeLearner:
        return self.Learner(config, data, guide)


class Guided(Toy):
    presets: ClassVar = {name: Preset(name, budget="20steps", train={"guided": True}) for name in PRESETS}


class Validating(Toy):
    """Has a validation loss, which draws noise and remembers nothing."""

    class Learner(ToyLearner):
        def validate(self, batch: Batch) -> Tensor:
            noise = torch.randn(len(batch.images), 2)
            images = self.centre + self.network(torch.cat([batch.conditions, noise], dim=1)).unflatten(1, self.shape)
            return F.mse_loss(images, batch.images)


class Picky(Toy):
    """Refuses what it cannot do, as the contract allows."""

    def learner(self, config: Any, data: DataInfo, *, guide: nn.Module | None = None) -> GenerativeLearner:
        if data.resolution < 32 or not data.exclusive:
            raise ConfigError("this family is for classes at 32 pixels and more")
        return super().learner(config, data, guide=guide)


class Unmonitored(Toy):
    class Learner(ToyLearner):
        monitor = None


# Description


class NoStandard(Toy):
    presets: ClassVar = {name: PRESETS[name] for name in ("smoke", "quick")}


class Misnamed(Toy):
    name = "tog"


class UnknownKey(Toy):
    presets: ClassVar = PRESETS | {"quick": Preset("", budget="20steps", train={"learning_rat": 0.1})}


class UnknownKeyAt(Toy):
    presets: ClassVar = PRESETS | {"quick": Preset("", budget="20steps", at={32: {"trian": {}}})}


class MalformedAt(Toy):
    presets: ClassVar = PRESETS | {"quick": Preset("", budget="20steps", at={32: {"budget": "20 moons"}})}


class Lenient(Toy):
    class TrainConfig(ToyTrainConfig):
        model_config = ConfigDict(extra="ignore")


class Mutable(Toy):
    class SampleConfig(ToySampleConfig):
        model_config = ConfigDict(frozen=False)


class Forgetful(Toy):
    """A configuration whose field is lost in JSON."""

    class TrainConfig(ToyTrainConfig):
        model_config = ConfigDict(arbitrary_types_allowed=True)
        shift: Any = complex(0, 1)


# State


class ForeignParameter(Toy):
    class Learner(ToyLearner):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args)
            self.optimizers["adam"].add_param_group({"params": [nn.Parameter(torch.zeros(3))]})


class IdleParameter(Toy):
    class Learner(ToyLearner):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args)
            self.networks["critic"] = nn.Linear(2, 2)


class UnknownAverage(Toy):
    class Learner(ToyLearner):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args)
            self.averaging = Averaging(("network",))


class WrongLearner(Toy):
    def learner(self, config: Any, data: DataInfo, *, guide: nn.Module | None = None) -> Any:
        return ToyClassifier(ToyTrainConfig(), data)


# Step


class Attached(Toy):
    class Learner(ToyLearner):
        def loss(self, images: Tensor, batch: Batch) -> Tensor:
            self.kept = super().loss(images, batch)
            return self.kept

        def step(self, batch: Batch, progress: float) -> Mapping[str, Tensor | float]:
            return {**super().step(batch, progress), "attached": self.kept}


class Vector(Toy):
    class Learner(ToyLearner):
        def step(self, batch: Batch, progress: float) -> Mapping[str, Tensor | float]:
            return {**super().step(batch, progress), "loss": torch.zeros(1)}


class NotFinite(Toy):
    class Learner(ToyLearner):
        def step(self, batch: Batch, progress: float) -> Mapping[str, Tensor | float]:
            return {**super().step(batch, progress), "loss": torch.tensor(float("nan"))}


class UnknownMonitor(Toy):
    class Learner(ToyLearner):
        monitor = "los"


class Scattering(nn.Linear):
    def forward(self, x: Tensor) -> Tensor:
        out = torch.zeros(len(x), self.out_features)
        out[torch.arange(len(x))] = super().forward(x)
        return out


class OnlyFloat32(Toy):
    """Writes what a layer computes into a float32 tensor: works until the core lowers the precision."""

    class Learner(ToyLearner):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args)
            self.network[0].__class__ = Scattering


# Gradients, resume, training


class DeadParameter(Toy):
    class Learner(ToyLearner):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args)
            self.network.register_parameter("unused", nn.Parameter(torch.ones(2)))
            self.optimizers["adam"].add_param_group({"params": [self.network.unused]})


class CutGradient(Toy):
    class Learner(ToyLearner):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args)
            self.network[1].register_forward_hook(lambda module, inputs, output: output.detach())


class Amnesiac(Toy):
    class Learner(ToyLearner):
        def extra_state(self) -> dict[str, Tensor]:
            return {"centre": self.centre}

        def load_extra_state(self, state: Mapping[str, Tensor]) -> None:
            self.centre = state["centre"]


class OwnRandomness(Toy):
    class Learner(ToyLearner):
        def step(self, batch: Batch, progress: float) -> Mapping[str, Tensor | float]:
            jitter = 0.01 * np.random.default_rng().standard_normal()
            return super().step(Batch(batch.images + jitter, batch.conditions), progress)


class Diverging(Toy):
    presets: ClassVar = {name: Preset(name, budget="20steps", train={"diverge_after": 300}) for name in PRESETS}


# Pictures


class Squeezed(Toy):
    class Learner(ToyLearner):
        def sample(self, conditions: Tensor, config: Any, *, generator: torch.Generator) -> Tensor:
            images = super().sample(conditions, config, generator=generator)
            return images.squeeze(0)


class Double(Toy):
    class Learner(ToyLearner):
        def sample(self, conditions: Tensor, config: Any, *, generator: torch.Generator) -> Tensor:
            return super().sample(conditions, config, generator=generator).double()


class NotFiniteSets(Toy):
    """Divides by the number of objects, which may be none."""

    class Learner(ToyLearner):
        def sample(self, conditions: Tensor, config: Any, *, generator: torch.Generator) -> Tensor:
            weighted = conditions / conditions.sum(dim=1, keepdim=True)
            return super().sample(weighted, config, generator=generator)


class Saturated(Toy):
    """Several objects together leave the range."""

    class Learner(ToyLearner):
        def sample(self, conditions: Tensor, config: Any, *, generator: torch.Generator) -> Tensor:
            images = super().sample(conditions, config, generator=generator)
            return images + 100 * (conditions.sum(dim=1) > 1)[:, None, None, None]


class GlobalRandomness(Toy):
    class Learner(ToyLearner):
        def sample(self, conditions: Tensor, config: Any, *, generator: torch.Generator) -> Tensor:
            images = super().sample(conditions, config, generator=generator)
            return images + 0.01 * torch.randn_like(images)


class Restless(Toy):
    """Remembers how often it was asked."""

    class Learner(ToyLearner):
        asked = 0

        def sample(self, conditions: Tensor, config: Any, *, generator: torch.Generator) -> Tensor:
            self.asked += 1
            return super().sample(conditions, config, generator=generator) + 1e-3 * self.asked


class Fixed(Toy):
    class Learner(ToyLearner):
        def sample(self, conditions: Tensor, config: Any, *, generator: torch.Generator) -> Tensor:
            return super().sample(conditions, config, generator=torch.Generator().manual_seed(0))


class Heedless(Toy):
    class Learner(ToyLearner):
        def sample(self, conditions: Tensor, config: Any, *, generator: torch.Generator) -> Tensor:
            return super().sample(torch.zeros_like(conditions), config, generator=generator)


class Swapped(Toy):
    class Learner(ToyLearner):
        def sample(self, conditions: Tensor, config: Any, *, generator: torch.Generator) -> Tensor:
            return super().sample(conditions.roll(1, dims=1), config, generator=generator)


class Stagnant(Toy):
    """Monitors what training does not lower."""

    class Learner(ToyLearner):
        def step(self, batch: Batch, progress: float) -> Mapping[str, Tensor | float]:
            return {**super().step(batch, progress), "loss": 1.0 + torch.randn(())}


class Worsening(Toy):
    """The longer it trains the more a haze covers its pictures, though the condition shines through."""

    class Learner(ToyLearner):
        monitor = None

        def sample(self, conditions: Tensor, config: Any, *, generator: torch.Generator) -> Tensor:
            images = super().sample(conditions, config, generator=generator)
            return 0.1 * images + 0.9 * min(self.count / 300, 1.0)


# ---------------------------------------------------------------------------------------------------------- adaptation


class ToyClassifier(AdaptationLearner):
    """A classifier on features whose domain means are pulled together."""

    def __init__(self, config: ToyTrainConfig, data: DataInfo) -> None:
        pixels = data.channels * data.resolution**2
        self.body = nn.Sequential(nn.Flatten(), nn.Linear(pixels, 8), nn.BatchNorm1d(8), nn.ReLU())
        self.head = nn.Linear(8, len(data.conditions))
        self.networks = {"body": self.body, "head": self.head}
        parameters = [*self.body.parameters(), *self.head.parameters()]
        self.optimizers = {"sgd": torch.optim.SGD(parameters, lr=0.05, momentum=0.9)}

    def step(self, batch: AdaptationBatch, progress: float) -> Mapping[str, Tensor | float]:
        source, target = self.body(batch.source_images), self.body(batch.target_images)
        loss = F.cross_entropy(self.head(source), batch.source_labels)
        loss = loss + 0.1 * progress * (source.mean(dim=0) - target.mean(dim=0)).square().sum()
        self.optimizers["sgd"].zero_grad()
        loss.backward()
        self.optimizers["sgd"].step()
        return {"loss": loss.detach()}

    def classify(self, images: Tensor) -> Tensor:
        return self.head(self.body(images))

    def features(self, images: Tensor) -> Tensor:
        return self.body(images)


class Adapting(Family):
    name = "toy"
    title = "Toy"
    task = "adaptation"
    TrainConfig: ClassVar[type[TrainConfig]] = ToyTrainConfig
    presets: ClassVar[Mapping[str, Preset]] = PRESETS
    Learner: ClassVar[type[ToyClassifier]] = ToyClassifier

    def learner(self, config: Any, data: DataInfo, *, guide: nn.Module | None = None) -> AdaptationLearner:
        return self.Learner(config, data)


class UnmonitoredAdapting(Adapting):
    class Learner(ToyClassifier):
        monitor = None


class TooManyLogits(Adapting):
    class Learner(ToyClassifier):
        def classify(self, images: Tensor) -> Tensor:
            return torch.cat([super().classify(images)] * 2, dim=1)


class FeatureMaps(Adapting):
    class Learner(ToyClassifier):
        def features(self, images: Tensor) -> Tensor:
            return images

        def classify(self, images: Tensor) -> Tensor:
            return self.head(self.body(images))


class BatchDependent(Adapting):
    class Learner(ToyClassifier):
        def classify(self, images: Tensor) -> Tensor:
            scores = super().classify(images)
            return scores - scores.mean(dim=0)


class RandomScores(Adapting):
    class Learner(ToyClassifier):
        def classify(self, images: Tensor) -> Tensor:
            scores = super().classify(images)
            return scores + 1e-3 * torch.randn_like(scores)


class WrongClasses(Adapting):
    class Learner(ToyClassifier):
        def classify(self, images: Tensor) -> Tensor:
            return super().classify(images).roll(1, dims=1)


class StagnantAdapting(Adapting):
    class Learner(ToyClassifier):
        def step(self, batch: AdaptationBatch, progress: float) -> Mapping[str, Tensor | float]:
            return {**super().step(batch, progress), "loss": 1.0 + progress}


class DeadHead(Adapting):
    class Learner(ToyClassifier):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args)
            self.networks["domain"] = nn.Linear(8, 1)
            self.optimizers["sgd"].add_param_group({"params": list(self.networks["domain"].parameters())})


class ToyAdversary(ToyClassifier):
    """With a domain classifier whose gradient reaches the features reversed and λ-fold."""

    domain_rate = 0.05
    heard = True

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.domain = self.networks["domain"] = nn.Linear(8, 1)
        self.optimizers["sgd"].add_param_group({"params": list(self.domain.parameters()), "lr": self.domain_rate})

    def step(self, batch: AdaptationBatch, progress: float) -> Mapping[str, Tensor | float]:
        features = self.body(torch.cat([batch.source_images, batch.target_images]))
        strength = 0.6 * progress
        still = features.detach()
        scores = self.domain(still + strength * (still - features) if self.heard else still).squeeze(1)
        sources = len(batch.source_images)
        labels = (torch.arange(len(scores)) >= sources).float()
        loss = F.cross_entropy(self.head(features[:sources]), batch.source_labels)
        self.optimizers["sgd"].zero_grad()
        (loss + F.binary_cross_entropy_with_logits(scores, labels)).backward()
        self.optimizers["sgd"].step()
        right = ((scores.detach() > 0) == labels.bool()).float().mean()
        return {"loss": loss.detach(), "lambda": strength, "domain_accuracy": right}


class AdversarialAdapting(Adapting):
    Learner = ToyAdversary


class DeadDomain(Adapting):
    class Learner(ToyAdversary):
        domain_rate = 0.0


class NeverHeard(Adapting):
    class Learner(ToyAdversary):
        heard = False
