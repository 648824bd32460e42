"""Gradients of a shard: one for each objective, and one of the regularizer."""
