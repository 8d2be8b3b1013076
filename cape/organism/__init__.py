"""The model organism: a synthetic world, small transformers trained on it, and their scores.

Everything but training, scoring and loading of checkpoints runs without torch.
"""
