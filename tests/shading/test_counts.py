from __future__ import annotations

from dataclasses import replace

from neumat.materials.synthetic import small_material
from neumat.shading.counts import count, network_flops


def test_network_flops_by_hand() -> None:
    # 8 → 4 → 4 → 4: three matrices of 2 FLOP a weight, two activations of 2 FLOP a neuron.
    assert network_flops(8, 4, 2) == 2 * (32 + 16 + 16) + 2 * 8


def test_hybrid_counts_its_steps_as_fetches() -> None:
    material = small_material("hybrid", seed=0, hidden=(32, 32))
    cost = count(material)
    assert cost["prepare"]["fetches"] == 16 + 1 + 2 + 3 + 3
    assert cost["evaluate"]["fetches"] == 12
    assert cost["fetches"] == cost["prepare"]["fetches"] + cost["evaluate"]["fetches"]
    assert cost["lights_4"]["flops"] == cost["prepare"]["flops"] + 4 * cost["evaluate"]["flops"]
    assert cost["parameters"] == 28 * 32 + 32 + 32 * 32 + 32 + 32 * 4 + 4
    fewer = count(replace(material, march_steps=6, light_steps=3))
    assert cost["fetches"] - fewer["fetches"] == 10 + 9
    assert fewer["flops"] < cost["flops"]


def test_neumip_costs_thirteen_times_the_arithmetic() -> None:
    cost = count(small_material("neumip", seed=0, hidden=(64, 64, 64, 64)))
    assert 50_000 < cost["flops"] < 60_000
    assert cost["fetches"] == 6
    assert cost["bytes"] == cost["bytes_explicit"] + cost["bytes_latents"] + cost["bytes_weights"]
