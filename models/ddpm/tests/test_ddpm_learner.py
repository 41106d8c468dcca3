"""Training and sampling: the loss falls, guidance, determinism, validation."""

from itertools import pairwise

import pytest
import torch
from genbench_ddpm.configuration import DDPMSampleConfig, DDPMTrainConfig
from genbench_ddpm.guidance import drop_conditions, guided
from genbench_ddpm.learner import DiffusionLearner
from genbench_ddpm.optimization import learning_rate_factor

from genbench.api import Batch, ConfigError, DataInfo

DATA = DataInfo("toy", 8, 1, ("dark", "bright"), True, 64)
SMALL = {"size": "xs", "num_train_timesteps": 100, "batch_size": 32}


def toy_batch(n=32):
    """Dark pictures for the first condition, bright ones for the second."""
    labels = torch.arange(n) % 2
    images = (labels * 1.2 - 0.6).view(n, 1, 1, 1).expand(n, 1, 8, 8) + 0.05 * torch.randn(n, 1, 8, 8)
    return Batch(images, torch.nn.functional.one_hot(labels, 2).float())


def train(steps, **settings):
    torch.manual_seed(0)
    learner = DiffusionLearner(DDPMTrainConfig(**{**SMALL, "learning_rate": 3e-3, **settings}), DATA)
    history = [learner.step(toy_batch(), step / steps) for step in range(steps)]
    learner.network.eval()
    return learner, history


@pytest.fixture(scope="module")
def trained():
    return train(80)


def draw(learner, conditions, seed=0, **settings):
    with torch.no_grad():
        return learner.sample(
            conditions,
            DDPMSampleConfig(**{"num_inference_steps": 10, **settings}),
            generator=torch.Generator().manual_seed(seed),
        )


CONDITIONS = torch.eye(2).repeat(4, 1)


def test_step_reports_loss_gradient_and_learning_rate(trained):
    _, history = trained
    assert set(history[0]) == {"loss", "grad_norm", "lr"}
    assert not history[0]["loss"].requires_grad
    assert sum(float(r["loss"]) for r in history[-10:]) < 0.5 * sum(float(r["loss"]) for r in history[:10])


@pytest.mark.parametrize("prediction_type", ["epsilon", "v_prediction", "sample"])
@pytest.mark.parametrize("loss_weighting", ["uniform", "min-snr"])
def test_loss_falls_for_every_target(prediction_type, loss_weighting):
    _, history = train(40, prediction_type=prediction_type, loss_weighting=loss_weighting)
    losses = torch.stack([r["loss"] for r in history])
    assert losses[-8:].mean() < 0.8 * losses[:8].mean()


@pytest.mark.parametrize("sampler", ["ddpm", "ddim", "dpm-solver++"])
@pytest.mark.parametrize("guidance_scale", [1.0, 2.0])
def test_pictures_follow_their_condition(trained, sampler, guidance_scale):
    learner, _ = trained
    pictures = draw(learner, CONDITIONS, sampler=sampler, guidance_scale=guidance_scale)
    assert pictures.shape == (8, 1, 8, 8)
    brightness = pictures.mean(dim=(1, 2, 3))
    assert brightness[1::2].min() > brightness[0::2].max()


@pytest.mark.parametrize("sampler", ["ddpm", "ddim", "dpm-solver++"])
def test_a_seed_makes_the_pictures(trained, sampler):
    learner, _ = trained
    first, again, other = (draw(learner, CONDITIONS, seed, sampler=sampler, eta=0.5) for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.allclose(first, other)


def test_eta_zero_needs_no_noise_and_more_eta_drifts_away(trained):
    learner, _ = trained
    still = draw(learner, CONDITIONS, sampler="ddim", eta=0.0)
    drift = [(draw(learner, CONDITIONS, sampler="ddim", eta=eta) - still).norm() for eta in (0.25, 1.0)]
    assert 0 < drift[0] < drift[1]


def test_guidance_scale_one_is_the_plain_conditional_model(trained):
    learner, _ = trained
    x, time = torch.randn(8, 1, 8, 8), torch.full((8,), 0.5)
    blank = torch.zeros_like(CONDITIONS)
    with torch.no_grad():
        conditional, unconditional = (learner.network(x, time, c) for c in (CONDITIONS, blank))
        assert torch.equal(guided(learner.network, x, time, CONDITIONS, 1.0), conditional)
        w = 1.5
        expected = (1 + w) * conditional - w * unconditional
        torch.testing.assert_close(guided(learner.network, x, time, CONDITIONS, 1 + w), expected, atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(
            guided(learner.network, x, time, CONDITIONS, 0.0), unconditional, atol=1e-5, rtol=1e-5
        )


def test_an_empty_guidance_interval_switches_guidance_off(trained):
    learner, _ = trained
    plain = draw(learner, CONDITIONS, sampler="ddim")
    never = draw(learner, CONDITIONS, sampler="ddim", guidance_scale=3.0, guidance_interval=(1.0, 1.0))
    always = draw(learner, CONDITIONS, sampler="ddim", guidance_scale=3.0)
    assert torch.equal(plain, never)
    assert not torch.allclose(plain, always)


def test_guidance_acts_within_its_interval_only(trained):
    learner, _ = trained
    seen = []
    handle = learner.network.register_forward_hook(lambda *call: seen.append(len(call[-1])))
    settings = {"guidance_scale": 2.0, "guidance_interval": (0.25, 0.65), "timestep_spacing": "trailing"}
    draw(learner, CONDITIONS, sampler="ddim", **settings)
    handle.remove()
    assert seen == [8] * 4 + [16] * 4 + [8] * 2  # t = 99, 89, 79, 69 | 59, 49, 39, 29 | 19, 9 of 100


def test_guidance_doubles_the_evaluations(trained):
    learner, _ = trained
    seen = []
    handle = learner.network.register_forward_hook(lambda *call: seen.append(len(call[-1])))
    draw(learner, CONDITIONS, guidance_scale=2.0)
    handle.remove()
    assert seen == [16] * 10


def test_ddim_encodes_and_decodes_a_picture(trained):
    """Deterministic inversion: the noise that the trained model finds for its own picture leads back to it."""
    from genbench_ddpm.samplers import DDIMSampler, timesteps, walk

    learner, _ = trained
    config = DDPMSampleConfig(clip_sample=False)
    down = timesteps(100, 100, "leading")
    sampler = DDIMSampler(learner.process)
    with torch.no_grad():
        picture = draw(learner, CONDITIONS, sampler="ddim", num_inference_steps=100)

        def predict(x, t):
            return learner.predict(x, t, CONDITIONS, config)

        *_, noise = walk(predict, sampler, picture, down[::-1], lambda: picture)
        *_, decoded = walk(predict, sampler, noise, down, lambda: picture)
    assert noise.std() > 0.5
    assert (decoded - picture).abs().mean() < 0.05


def test_validation_loss_is_the_training_loss_at_stratified_timesteps(trained, monkeypatch):
    """The same seed gives the same number; over many draws the training loss without dropout has the same mean."""
    learner, _ = trained
    monkeypatch.setattr(learner, "config", learner.config.model_copy(update={"condition_dropout": 0.0}))
    torch.manual_seed(5)
    batch = toy_batch()

    def seeded(function, seed):
        torch.manual_seed(seed)
        with torch.no_grad():
            return float(function(batch))

    assert seeded(learner.validate, 0) == seeded(learner.validate, 0)
    stratified = torch.tensor([seeded(learner.validate, seed) for seed in range(10)])
    uniform = torch.tensor([seeded(learner.loss, seed) for seed in range(40)])
    assert float(stratified.mean()) == pytest.approx(float(uniform.mean()), rel=0.1)
    assert stratified.std() < uniform.std()


@pytest.mark.parametrize(("pictures", "expected"), [(4, [12, 37, 62, 87]), (1, [50])])
def test_validation_visits_the_middle_of_every_stratum_with_all_conditions(trained, pictures, expected):
    learner, _ = train(1, condition_dropout=0.9)
    seen = []
    learner.network.register_forward_pre_hook(lambda _, arguments: seen.append(arguments))
    learner.validate(toy_batch(pictures))
    (_, time, conditions) = seen[0]
    assert (time * 100).round().int().tolist() == expected
    assert torch.equal(conditions, toy_batch(pictures).conditions)


def test_a_gradient_norm_of_zero_clips_nothing():
    torch.manual_seed(0)
    clipped, free = (
        DiffusionLearner(DDPMTrainConfig(**SMALL, max_grad_norm=norm, optimizer="adam", warmup=0.0), DATA)
        for norm in (1e-6, 0.0)
    )
    reached = []
    for learner in (clipped, free):
        learner.optimizers["unet"].register_step_pre_hook(
            lambda optimizer, *_: reached.append(
                torch.stack([p.grad.norm() for group in optimizer.param_groups for p in group["params"]]).norm()
            )
        )
        torch.manual_seed(0)
        before = learner.step(toy_batch(), 0.0)["grad_norm"]
    assert reached[0] <= 1.1e-6
    torch.testing.assert_close(reached[1], before)


def test_dropped_conditions_are_whole_rows_at_the_given_rate():
    torch.manual_seed(0)
    dropped = drop_conditions(torch.ones(5000, 3), 0.1)
    assert set(dropped.sum(1).tolist()) == {0.0, 3.0}
    assert float((dropped.sum(1) == 0).float().mean()) == pytest.approx(0.1, abs=0.02)


@pytest.mark.parametrize("decay", ["constant", "linear", "cosine"])
def test_learning_rate_rises_to_its_peak_then_never_again(decay):
    factors = [learning_rate_factor(p / 1000, warmup=0.1, decay=decay) for p in range(1000)]
    assert all(a <= b for a, b in pairwise(factors[:101]))
    assert max(factors) == factors[100] == pytest.approx(1)
    assert all(a >= b for a, b in pairwise(factors[100:]))
    assert factors[-1] == (1 if decay == "constant" else pytest.approx(0, abs=0.01))


def test_more_steps_than_trained_is_a_clear_error(trained):
    learner, _ = trained
    with pytest.raises(ConfigError, match="num_inference_steps 101"):
        draw(learner, CONDITIONS, num_inference_steps=101)


def test_clipped_estimates_still_make_up_the_picture_unless_told_otherwise(trained):
    learner, _ = trained
    x = 4 * torch.randn(8, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    alpha_bar = learner.process.alpha_bar(50)
    for follows in (True, False):
        config = DDPMSampleConfig(use_clipped_model_output=follows)
        with torch.no_grad():
            clean, noise = learner.predict(x, 50, CONDITIONS, config)
        assert clean.abs().max() == 1
        again = alpha_bar**0.5 * clean + (1 - alpha_bar) ** 0.5 * noise
        assert torch.allclose(again, x, atol=1e-5) == follows


def test_more_ddim_steps_do_not_wear_a_clipped_picture_down(trained):
    learner, _ = trained

    def contrast(steps: int, follows: bool) -> float:
        settings = {"sampler": "ddim", "guidance_scale": 3.0, "use_clipped_model_output": follows}
        return float(draw(learner, CONDITIONS, num_inference_steps=steps, **settings).mean(dim=(1, 2, 3)).abs().mean())

    assert abs(contrast(100, True) - contrast(10, True)) < 0.1
    assert contrast(100, False) < contrast(100, True)
