"""Partial unfreezing: a quarter of the layers is trained, all others stay as they are."""

from __future__ import annotations

from strategies.full import Full


class EarlyLayers(Full):
    """The first quarter of the layers, and the head.

    For a shift of the input (other wording, noise, another channel) that leaves alone what the labels depend on:
    surgical fine-tuning (Lee et al. 2023). The gradient still runs through all layers.
    """

    name = "early_layers"
    layers = "first_quarter"
    step_cost = 0.75


class TopLayers(Full):
    """The last quarter of the layers, and the head.

    It keeps nine tenths of the quality of full fine-tuning (Lee et al. 2019) with a quarter of the optimiser's memory,
    and the gradient ends where the frozen layers begin.
    """

    name = "top_layers"
    layers = "last_quarter"
    step_cost = 0.6
