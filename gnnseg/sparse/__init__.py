"""Sparse matrices, their products with dense ones, and orders of many pairs (``order``)."""

from gnnseg.sparse.csr import Csr
from gnnseg.sparse.precision import mixed_precision
from gnnseg.sparse.products import Fixed, SomeRows, messages, sddmm, spmm

__all__ = ["Csr", "Fixed", "SomeRows", "messages", "mixed_precision", "sddmm", "spmm"]
