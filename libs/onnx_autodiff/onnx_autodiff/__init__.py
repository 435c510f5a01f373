"""Reverse-mode automatic differentiation of ONNX graphs."""

from onnx_autodiff.autodiff import GRADIENT, SEED, Pair, Part, UnknownGradientError, differentiate

__all__ = ["GRADIENT", "SEED", "Pair", "Part", "UnknownGradientError", "differentiate"]
