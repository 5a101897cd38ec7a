"""Sparse matrices, and their products with dense ones."""

from gnnseg.sparse.csr import Csr
from gnnseg.sparse.products import Fixed, SomeRows, kernel_of, sddmm, spmm

__all__ = ["Csr", "Fixed", "SomeRows", "kernel_of", "sddmm", "spmm"]
