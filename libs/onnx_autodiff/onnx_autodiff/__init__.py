"""Reverse-mode automatic differentiation of ONNX graphs."""

from onnx_autodiff.differentiation import GRADIENT, GradientPair, differentiate
from onnx_autodiff.errors import UnknownGradientError
from onnx_autodiff.subgraph import Subgraph
from onnx_autodiff.tape import SEED

__all__ = ["GRADIENT", "SEED", "GradientPair", "Subgraph", "UnknownGradientError", "differentiate"]
