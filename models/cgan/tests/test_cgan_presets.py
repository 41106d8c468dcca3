"""Presets are complete, valid, and say what they promise."""

from __future__ import annotations

import pytest
from genbench_cgan import CGAN
from genbench_cgan.config import CGANTrainConfig
from genbench_cgan.schedules import Constant
from pydantic import ValidationError

RESOLUTIONS = (16, 28, 32, 64)


@pytest.mark.parametrize("name", CGAN.presets)
@pytest.mark.parametrize("resolution", RESOLUTIONS)
def test_every_preset_is_valid_at_every_resolution(name: str, resolution: int) -> None:
    preset = CGAN.presets[name]
    fitting = [key for key in preset.at if key <= resolution]
    at = preset.at[max(fitting)] if fitting else {}
    assert set(at) <= {"budget", "train", "sample"}
    config = CGANTrainConfig(**{**preset.train, **at.get("train", {})})
    CGAN.SampleConfig(**{**preset.sample, **at.get("sample", {})})
    assert CGANTrainConfig.model_validate(config.model_dump(mode="json")) == config


def test_recipe_d2_has_the_reports_settings() -> None:
    d2 = CGAN.presets["d2"]
    config = CGANTrainConfig(**d2.train)
    assert (d2.dataset, d2.resolution, d2.budget) == ("iclevr", 64, "3000epochs")
    assert {(r.metric, r.value) for r in d2.references} == {("accuracy/test", 0.6111), ("accuracy/new_test", 0.6310)}
    assert (config.network, config.objective, config.loss) == ("dcgan", "acgan", "non-saturating")
    assert (config.discriminator_conditioning, config.label_values) == ("concat", "index")
    assert (config.adversarial_weight, config.lambda_schedule) == (0.8, Constant(value=0.2))
    assert (config.noise, config.noise_mean, config.embedding) == (512, -1.0, 512)
    assert (config.batch_size, config.learning_rate_g, config.learning_rate_d) == (512, 2e-4, 2e-4)
    assert (config.ema_decay, config.r1, config.augmentations) == (0.0, 0.0, ())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"objective": "projection", "conditioning": "concat"}, "contradicts"),
        ({"objective": "cgan", "conditioning": "none"}, "needs conditioning"),
        ({"objective": "wgan"}, "objective"),
        ({"loss": "wasserstein"}, "loss"),
        ({"learning_rate": 1e-4}, "learning_rate"),
    ],
)
def test_contradictions_and_unknown_keys_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        CGANTrainConfig(**options)  # type: ignore[arg-type]
