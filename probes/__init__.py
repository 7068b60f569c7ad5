"""MEASURES: data, model, hardware, and each way of adapting a model on the user's own rows.

This package knows mechanisms (bag of words, prompts, frozen features, gradient descent), never a strategy by name.
"""
