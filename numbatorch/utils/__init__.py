"""Helpers around tensors: data loading and hooks."""

from . import data
