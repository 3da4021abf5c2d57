"""Helpers around tensors: data loading and hooks."""
