"""Sparse matrices, their products with dense ones, and orders of many pairs (``order``)."""

from gnnseg.sparse.csr import Csr
from gnnseg.sparse.products import Fixed, SomeRows, kernel_of, sddmm, spmm

__all__ = ["Csr", "Fixed", "SomeRows", "kernel_of", "sddmm", "spmm"]
