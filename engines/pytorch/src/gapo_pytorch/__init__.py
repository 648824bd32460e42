"""The gradient service of gapo, computed by PyTorch."""
