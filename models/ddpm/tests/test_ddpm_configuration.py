"""Settings that contradict each other, or the data, are one clear error."""

import pytest
from genbench_ddpm.configuration import DDIMSampleConfig, DDPMTrainConfig, check_sampling
from genbench_ddpm.learner import DiffusionLearner
from pydantic import ValidationError

from genbench.api import ConfigError, DataInfo

DATA = DataInfo("toy", 8, 1, ("dark", "bright"), True, 64)


def test_a_patch_that_does_not_fit_is_a_clear_error():
    with pytest.raises(ConfigError, match="patch_size 3"):
        DiffusionLearner(DDPMTrainConfig(patch_size=3), DATA)


def test_context_unet_refuses_a_resolution_that_it_cannot_halve():
    pictures = DataInfo("odd", 30, 1, ("a", "b"), True, 64)
    with pytest.raises(ConfigError, match="multiple of 4, but odd has 30"):
        DiffusionLearner(DDPMTrainConfig(network="context-unet", width=8), pictures)


def test_context_unet_has_no_form_without_conditions():
    with pytest.raises(ConfigError, match="condition_dropout 1"):
        DiffusionLearner(DDPMTrainConfig(network="context-unet", width=8, conditioning="none"), DATA)


@pytest.mark.parametrize(
    "settings", [{"zero_terminal_snr": True, "prediction_type": "epsilon"}, {"beta_start": 0.5, "beta_end": 0.1}]
)
def test_contradictory_training_settings_are_refused(settings):
    with pytest.raises(ValidationError):
        DDPMTrainConfig(**settings)


def test_guidance_interval_must_rise_within_the_unit_interval():
    with pytest.raises(ValidationError, match="guidance_interval"):
        DDIMSampleConfig(guidance_interval=(0.8, 0.2))


def test_guidance_needs_a_model_that_was_also_trained_without_conditions():
    guided, plain = DDIMSampleConfig(guidance_scale=2.0), DDIMSampleConfig(guidance_scale=1.0)
    never_blank = DDPMTrainConfig(condition_dropout=0.0)
    with pytest.raises(ConfigError, match="condition_dropout is 0: use guidance_scale 1"):
        check_sampling(never_blank, guided)
    check_sampling(never_blank, plain)
    check_sampling(DDPMTrainConfig(condition_dropout=0.0, conditioning="none"), guided)
    check_sampling(DDPMTrainConfig(), guided)
