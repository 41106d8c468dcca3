"""Sampling through the learner, from noise to picture, against loops over diffusers' schedulers."""

import diffusers.schedulers.scheduling_ddpm as diffusers_ddpm
import pytest
import torch
from diffusers import DDIMScheduler, DDPMScheduler, DPMSolverMultistepScheduler
from genbench_ddpm.configuration import DDPMSampleConfig, DDPMTrainConfig
from genbench_ddpm.learner import DiffusionLearner
from genbench_ddpm.samplers import timesteps

from genbench.api import DataInfo

T = 1000


@pytest.mark.parametrize("kind", ["epsilon", "v_prediction", "sample"])
@pytest.mark.parametrize("spacing", ["leading", "trailing"])
@pytest.mark.parametrize("name", ["ddpm", "ddim", "dpm-solver++"])
def test_the_whole_way_back_equals_a_loop_over_diffusers(name, spacing, kind, monkeypatch):
    """Through the learner, as samples are made: path, clipping, guidance off, every step, the last one."""
    clip = name != "dpm-solver++"  # theirs has no clipping
    data = DataInfo("toy", 8, 1, ("a", "b"), True, 16)
    train = DDPMTrainConfig(size="xs", patch_size=2, prediction_type=kind, num_train_timesteps=T, schedule="linear")
    learner = DiffusionLearner(train, data)
    learner.network.eval()
    shared = {"num_train_timesteps": T, "beta_schedule": "linear", "beta_start": 1e-4, "beta_end": 0.02}
    shared |= {"prediction_type": kind, "timestep_spacing": spacing}
    theirs = {
        "ddpm": lambda: DDPMScheduler(**shared, variance_type="fixed_small"),
        "ddim": lambda: DDIMScheduler(**shared),
        "dpm-solver++": lambda: DPMSolverMultistepScheduler(**shared, final_sigmas_type="zero"),
    }[name]()
    if name == "dpm-solver++":
        theirs.set_timesteps(timesteps=timesteps(T, 10, spacing))  # its own leading spacing is not that of the others
    else:
        theirs.set_timesteps(10)
    noises = torch.randn(12, 2, 1, 8, 8, generator=torch.Generator().manual_seed(1))
    x, conditions = noises[0], torch.eye(2)
    theirs_drawn, drawn = iter(noises[1:]), iter(noises[1:])
    monkeypatch.setattr(diffusers_ddpm, "randn_tensor", lambda *_, **__: next(theirs_drawn))
    monkeypatch.setattr("genbench_ddpm.learner.randn", lambda *_, **__: next(drawn))
    config = DDPMSampleConfig(sampler=name, num_inference_steps=10, timestep_spacing=spacing, clip_sample=clip)
    with torch.no_grad():
        *_, found = learner.trajectory(x, conditions, config, generator=torch.Generator())
        for t in theirs.timesteps:
            output = learner.network(x, (t / T).expand(2), conditions)
            if name == "ddpm" and theirs.previous_timestep(t) < 0:
                monkeypatch.setattr(diffusers_ddpm, "randn_tensor", lambda shape, **_: torch.zeros(shape))
            more = {"use_clipped_model_output": True} if name == "ddim" else {}
            x = theirs.step(output, t, x, **more).prev_sample
    torch.testing.assert_close(found, x, atol=1e-4, rtol=1e-4)
