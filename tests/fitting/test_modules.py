from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from neumat.fitting.modules import LatentTexture, log_loss, perceptron, to_network
from neumat.fitting.schedule import Schedule, torch_threads
from neumat.materials.neural import NEUMIP_RGB_INPUTS
from neumat.materials.reference import bilinear, run_network


@pytest.mark.parametrize("tileable", [True, False])
def test_look_ups_agree_with_the_reference(tileable: bool) -> None:
    texture = LatentTexture((7, 5), tileable, torch.Generator().manual_seed(0))
    uv = torch.rand(300, 2, generator=torch.Generator().manual_seed(1)) * 3.0 - 1.0
    found = texture(uv).detach().numpy()
    texels = texture.texels.detach().numpy().reshape(5, 7, 12)
    assert np.allclose(found, bilinear(texels, uv.numpy().astype(np.float64), tileable=tileable), atol=1e-4)


def test_look_ups_carry_the_gradient_of_uv() -> None:
    texture = LatentTexture((6, 6), True, torch.Generator().manual_seed(0)).double()
    uv = torch.rand(20, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(2)).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: texture(x).sum(dim=1), (uv,), eps=1e-7, atol=1e-5)


def test_exported_networks_agree_with_the_reference() -> None:
    module = perceptron(18, (16, 16), 3, torch.Generator().manual_seed(0))
    network = to_network(module, NEUMIP_RGB_INPUTS)
    x = np.random.default_rng(0).normal(size=(50, 18)).astype(np.float32)
    with torch.no_grad():
        expected = module(torch.from_numpy(x)).numpy()
    parts = {"latent": x[:, :12], "wi": x[:, 12:15], "wo": x[:, 15:]}
    found = run_network(network, {name: part.astype(np.float64) for name, part in parts.items()})
    assert np.allclose(found, expected, atol=1e-5)


def test_a_schedule_minimises_and_stops_at_its_budget() -> None:
    parameter = torch.nn.Parameter(torch.zeros(4))
    target = torch.arange(4.0)
    shown: list[float] = []
    schedule = Schedule(400, batch=16, progress=lambda stage, share: shown.append(share))
    schedule.run([([parameter], 0.05)], count=64, loss=lambda rows: ((parameter - target) ** 2).mean())
    assert torch.allclose(parameter.detach(), target, atol=0.05)
    assert shown[-1] == 1.0
    short = Schedule(10**9, seconds=0.2, batch=16)
    short.run([([parameter], 0.0)], count=64, loss=lambda rows: (parameter**2).mean())
    assert 0 < short.steps_taken < 10**6


def test_threads_are_given_back() -> None:
    before = torch.get_num_threads()
    with torch_threads(1):
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before


def test_log_loss_is_zero_for_the_target() -> None:
    x = torch.rand(10, 3)
    assert float(log_loss(x, x)) == 0.0
    assert float(log_loss(x + 0.1, x)) > 0.0
