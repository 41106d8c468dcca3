"""What each figure shows: which pictures, from which noise, under which label."""

import pytest
import torch
from genbench_ddpm.configuration import DDPMSampleConfig, DDPMTrainConfig
from genbench_ddpm.family import DDIM, DDPM
from genbench_ddpm.figures import FIGURES
from genbench_ddpm.learner import DiffusionLearner

from genbench.api import Conditions, ConfigError, DataError, DataInfo, FigureContext

DATA = DataInfo("toy", 8, 1, ("zero", "one", "two"), True, 64)
SMALL = {"size": "xs", "patch_size": 2, "num_train_timesteps": 40}


def learner(**settings):
    torch.manual_seed(0)
    made = DiffusionLearner(DDPMTrainConfig(**{**SMALL, **settings}), DATA)
    for parameter in made.network.parameters():  # layers that begin at zero would make every condition alike
        torch.nn.init.normal_(parameter, std=0.05)
    made.network.eval()
    return made


@pytest.fixture(scope="module")
def model():
    return learner()


def context(*, asked=None, noise=None, seed=0, **sample):
    rows = torch.eye(3)
    every = Conditions(DATA.conditions, rows)
    real = torch.linspace(-1, 1, 6 * 64).view(6, 1, 8, 8)
    return FigureContext(
        data=DATA,
        sample=DDPMSampleConfig(**{"num_inference_steps": 5, "sampler": "ddim", **sample}),
        seed=seed,
        device=torch.device("cpu"),
        real=real,
        real_conditions=Conditions(DATA.conditions * 2, rows.repeat(2, 1)),
        all_conditions=every,
        asked=asked,
        given_noise=noise,
    )


def draw(name, model, surroundings=None, **options):
    figure = FIGURES[name]
    with torch.no_grad():
        return figure.draw(model, surroundings or context(), figure.Options(**options))


def sheet(name, model, surroundings=None, **options):
    (made,) = draw(name, model, surroundings, **options)
    assert made.name == name
    return made


def test_both_families_have_the_same_figures():
    assert DDPM.figures is DDIM.figures is FIGURES
    assert all(figure.description for figure in FIGURES.values())


def test_forward_is_the_noise_process(model):
    surroundings = context()
    made = sheet("forward", model, surroundings, pictures=2)
    assert made.heads == ["0%\nt = 0", "25%\nt = 10", "50%\nt = 20", "75%\nt = 30", "100%\nt = 40"]
    assert [strip.label for strip in made.strips] == ["zero", "one"]
    noise = surroundings.noise(2, 1, 8, 8)
    for index, strip in enumerate(made.strips):
        torch.testing.assert_close(strip.images[0], surroundings.real[index])
        alpha_bar = model.process.alpha_bar(19)
        expected = alpha_bar**0.5 * surroundings.real[index] + (1 - alpha_bar) ** 0.5 * noise[index]
        torch.testing.assert_close(strip.images[2], expected)


def test_grid_rows_differ_by_condition_only(model):
    made = sheet("grid", model, columns=4, rows=3)
    assert [strip.label for strip in made.strips] == list(DATA.conditions)
    surroundings = context()
    start = surroundings.noise(4, 1, 8, 8)
    with torch.no_grad():
        for strip, condition in zip(made.strips, torch.eye(3), strict=True):
            alone = model.sample_from(
                start, condition.expand(4, -1), surroundings.sample, generator=surroundings.generator()
            )
            torch.testing.assert_close(strip.images, alone)
    assert not torch.equal(made.strips[0].images, made.strips[1].images)


def test_grid_of_a_model_without_conditions_is_plain():
    plain = learner(conditioning="none", condition_dropout=1.0)
    made = sheet("grid", plain, columns=3, rows=2)
    assert [strip.label for strip in made.strips] == ["", ""]
    assert not torch.equal(made.strips[0].images, made.strips[1].images)
    with pytest.raises(ConfigError, match="without conditions"):
        draw("grid", plain, context(asked=Conditions(("one",), torch.eye(3)[1:2])))


def test_states_are_on_the_scale_of_pictures():
    scaled, surroundings = learner(scaling_factor=4.0), context()
    noise = surroundings.noise(1, 1, 8, 8)
    reverse, forward = (sheet(name, scaled, context()).strips[0].images for name in ("reverse", "forward"))
    torch.testing.assert_close(reverse[0], noise[0] / 4)
    alpha_bar = scaled.process.alpha_bar(39)
    expected = alpha_bar**0.5 * surroundings.real[0] + (1 - alpha_bar) ** 0.5 * noise[0] / 4
    torch.testing.assert_close(forward[-1], expected)


def test_conditions_can_be_named(model):
    asked = Conditions(("one",), torch.eye(3)[1:2])
    made = sheet("reverse", model, context(asked=asked))
    assert [strip.label for strip in made.strips] == ["one"]


@pytest.mark.parametrize(
    ("options", "heads"),
    [
        ({"every": 10}, ["t = 40", "t = 30", "t = 20", "t = 10", "t = 0"]),
        ({"frames": 3}, ["t = 40", "t = 24", "t = 0"]),
        ({"frames": 6, "steps": 40}, ["t = 40", "t = 32", "t = 24", "t = 16", "t = 8", "t = 0"]),
    ],
)
def test_reverse_shows_the_timesteps_that_were_asked_for(model, options, heads):
    surroundings = context(num_inference_steps=4 if "every" in options else 5)
    made = sheet("reverse", model, surroundings, rows=2, **options)
    assert made.heads == heads
    start = surroundings.noise(2, 1, 8, 8)
    torch.testing.assert_close(torch.stack([strip.images[0] for strip in made.strips]), start)


def test_animation_ends_with_the_pictures(model):
    surroundings = context()
    (film,) = draw("animation", model, surroundings, frames=20, rows=3)
    assert len(film.frames) == len(film.captions) == 20
    assert film.captions[0] == "t = 40"
    assert film.captions[-1] == "t = 0"
    assert film.hold == 2.0
    config = surroundings.sample.model_copy(update={"num_inference_steps": 19})
    start = surroundings.noise(3, 1, 8, 8)
    with torch.no_grad():
        pictures = model.sample_from(start, torch.eye(3), config, generator=surroundings.generator())
    torch.testing.assert_close(film.frames[-1], pictures)


def test_animation_has_no_more_frames_than_steps(model):
    (film,) = draw("animation", model, frames=100, rows=1)
    assert len(film.frames) == 41


def test_eta_zero_is_deterministic_and_drift_grows(model):
    first, second = (sheet("eta", model, columns=4, etas=(0, 0.5, 1)) for _ in range(2))
    for a, b in zip(first.strips, second.strips, strict=True):
        assert torch.equal(a.images, b.images)
    again = sheet("eta", model, columns=4, etas=(0, 0))
    assert torch.equal(again.strips[0].images, again.strips[1].images)
    drifts = [float(strip.label.rpartition(" ")[2]) for strip in first.strips[1:]]
    assert 0 < drifts[0] < drifts[1]
    with pytest.raises(ConfigError, match="etas"):
        draw("eta", model, etas=(0, 2))


def test_interpolation_ends_are_the_two_noises(model):
    surroundings = context()
    made = sheet("interpolation", model, surroundings)
    assert [strip.label for strip in made.strips] == ["zero, slerp", "zero, lerp"]
    assert len(made.heads) == 11
    slerp, lerp = (strip.images for strip in made.strips)
    torch.testing.assert_close(slerp[[0, -1]], lerp[[0, -1]])
    assert not torch.equal(slerp[5], lerp[5])


@pytest.mark.parametrize("scale", [1.0, 3.0])
def test_inversion_error_falls_with_steps(scale):
    made = sheet("inversion", learner(scaling_factor=scale), pictures=3, steps=(4, 40))
    assert [strip.label.split("\n")[0] for strip in made.strips] == ["held out", "encoded", "4 steps", "40 steps"]
    coarse, fine = ([float(caption) for caption in strip.captions] for strip in made.strips[2:])
    assert all(a > b for a, b in zip(coarse, fine, strict=True))


def test_noises_come_from_a_file_when_given(model):
    noise = torch.full((3, 1, 8, 8), 0.25)
    surroundings = context(noise=("start.npy", noise))
    made = sheet("reverse", model, surroundings, rows=2)
    assert torch.equal(made.strips[1].images[0], noise[1])
    assert torch.equal(surroundings.used_noise, noise[:2])


@pytest.mark.parametrize("shape", [(2, 1, 8, 8), (10, 3, 8, 8), (10, 1, 16, 16)])
def test_noises_that_do_not_fit_are_refused(model, shape):
    with pytest.raises(DataError, match=r"start\.npy: holds"):
        draw("grid", model, context(noise=("start.npy", torch.zeros(shape))), columns=4)


def test_more_noises_leave_the_first_as_they_were():
    few, many = context().noise(2, 1, 8, 8), context().noise(5, 1, 8, 8)
    assert torch.equal(few, many[:2])
    assert not torch.equal(few, context(seed=1).noise(2, 1, 8, 8))
