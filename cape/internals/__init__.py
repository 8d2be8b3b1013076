"""Look inside language models: load them, read their activations, compare heads, layers and outputs.

Importing this package, or any module of it, loads neither torch nor transformers.
"""
