"""Sparse products against dense ones; gradients against finite differences; the fallback against
the kernels."""

import threading

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gnnseg.sparse import Csr, Fixed, kernels, messages, mixed_precision, sddmm, spmm


def draw(rows: int, columns: int, entries: int, seed: int = 0) -> Csr:
    g = np.random.default_rng(seed)
    key = g.choice(rows * columns, size=min(entries, rows * columns), replace=False)
    return Csr.of(key // columns, key % columns, (rows, columns))


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 12), st.integers(1, 9), st.integers(0, 60), st.integers(0, 5))
def test_products_equal_dense_ones(rows: int, columns: int, entries: int, seed: int) -> None:
    p = draw(rows, columns, entries, seed)
    g = torch.Generator().manual_seed(seed)
    value = torch.randn(p.entries, generator=g, dtype=torch.float64)
    left = torch.randn(rows, 3, generator=g, dtype=torch.float64)
    right = torch.randn(columns, 3, generator=g, dtype=torch.float64)
    dense = p.with_value(value).dense()
    torch.testing.assert_close(spmm(p, value, right), dense @ right)
    torch.testing.assert_close(spmm(p.T, value[p.t_order], left), dense.T @ left)
    torch.testing.assert_close(sddmm(p, left, right), (left @ right.T)[p.row, p.column])


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 8), st.integers(1, 8), st.integers(0, 40), st.integers(0, 10_000))
def test_some_rows_of_a_fixed_product_and_their_gradient_are_those_of_the_whole(
    rows: int, columns: int, entries: int, seed: int
) -> None:
    p, generator = draw(rows, columns, entries, seed), torch.Generator().manual_seed(seed)
    value = torch.randn(p.entries, generator=generator, dtype=torch.float64)
    fixed = Fixed.of(p, value)
    dense = torch.randn(columns, 3, dtype=value.dtype, generator=generator).requires_grad_()
    some = torch.randperm(rows, generator=generator)[: 1 + seed % rows]
    away = torch.randn(len(some), 3, dtype=value.dtype, generator=generator)
    whole = (p.with_value(value).dense() @ dense)[some]
    got = fixed.at(some) @ dense
    torch.testing.assert_close(got, whole)
    torch.testing.assert_close(*(torch.autograd.grad(x, dense, away)[0] for x in (got, whole)))
    torch.testing.assert_close((fixed.at(None) @ dense)[some], whole)
    other = torch.randn(rows, 2, dtype=value.dtype, generator=generator)
    torch.testing.assert_close(fixed.T @ other, p.with_value(value).dense().T @ other)


def test_gradients_equal_finite_differences() -> None:
    p = draw(7, 6, 20)
    value, left, right = (
        torch.randn(*size, dtype=torch.float64, requires_grad=True)
        for size in ((p.entries,), (7, 3), (6, 3))
    )
    assert torch.autograd.gradcheck(lambda v, x: spmm(p, v, x), (value, right))
    assert torch.autograd.gradcheck(lambda v, x: spmm(p.T, v[p.t_order], x), (value, left))
    assert torch.autograd.gradcheck(lambda a, b: sddmm(p, a, b), (left, right))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("width", [1, 3, 8, 64])
def test_every_kernel_gives_the_same_numbers(
    dtype: torch.dtype, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    p = draw(50, 40, 300)  # a row and a column in many are empty
    value, left, right = (
        torch.randn(p.entries, dtype=dtype),
        torch.randn(50, width, dtype=dtype),
        torch.randn(40, width, dtype=dtype),
    )
    monkeypatch.setattr(kernels, "GATHER_ENTRIES", 7)  # many parts
    dense = torch.zeros(50, 40, dtype=dtype).index_put((p.row, p.column), value)
    for kernel in kernels.KERNELS["spmm"].values():
        torch.testing.assert_close(kernel(p, value, right), dense @ right)
    for kernel in kernels.KERNELS["sddmm"].values():
        torch.testing.assert_close(kernel(p, left, right), (left @ right.T)[p.row, p.column])


def test_where_no_kernel_is_known_to_be_best_the_fastest_is_taken_and_said(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    p, value, right = draw(50, 40, 300), torch.rand(300), torch.randn(40, 8)
    slow = dict.fromkeys(kernels.KERNELS["spmm"], 3.0) | {"bag, 32-bit indices": 1.0}
    asked = []

    def seconds(kernel: kernels.Kernel, *given: object) -> float:
        asked.append(kernel)
        return next(slow[n] for n, k in kernels.KERNELS["spmm"].items() if k is kernel)

    monkeypatch.setattr(kernels, "_FASTEST", {})
    assert kernels.name_of("spmm", p, value, right) == "bag"  # on a CPU that is known
    monkeypatch.setattr(kernels, "KNOWN", {})
    monkeypatch.setattr(kernels, "there", kernels.there.__wrapped__)
    monkeypatch.setattr(kernels, "_seconds", seconds)
    with caplog.at_level("INFO", logger="gnnseg"):
        for _ in range(3):
            torch.testing.assert_close(spmm(p, value, right), p.with_value(value).dense() @ right)
    assert len(asked) == len(kernels.KERNELS["spmm"])  # each timed once
    (line,) = caplog.messages
    assert line == (
        "spmm of 300 entries by 8 in float32 on cpu: bag, 32-bit indices, 1000.00 ms "
        "(bag 3000.00, CSR 3000.00, CSR, 32-bit indices 3000.00, gather 3000.00)"
    )
    spmm(p, value, torch.randn(40, 16))  # another width is timed for itself
    assert len(asked) == 2 * len(kernels.KERNELS["spmm"])


def test_kernels_are_timed_with_what_they_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "KNOWN", {})
    monkeypatch.setattr(kernels, "there", kernels.there.__wrapped__)
    monkeypatch.setattr(kernels, "_FASTEST", {})
    p = draw(300, 200, 5000)
    value, left, right = torch.rand(5000), torch.randn(300, 16), torch.randn(200, 16)
    dense = p.with_value(value).dense()
    torch.testing.assert_close(spmm(p, value, right), dense @ right)
    torch.testing.assert_close(sddmm(p, left, right), (left @ right.T)[p.row, p.column])
    assert {product for product, *_ in kernels._FASTEST} == {"spmm", "sddmm"}


def test_32_bit_indices_are_made_once_and_go_with_their_pattern() -> None:
    p = draw(50, 40, 300)
    before = len(kernels._SHORT)
    first, second = (kernels._index(p, short=True) for _ in range(2))
    assert first[0] is second[0]
    assert first[1].dtype == torch.int32
    assert len(kernels._SHORT) == before + 2
    del p
    assert len(kernels._SHORT) == before
    p = draw(50, 40, 300)
    kernels._index(p, short=True)
    kernels._forget(p)
    assert len(kernels._SHORT) == before


def test_a_kernel_that_fails_or_cannot_number_its_entries_is_left_out(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    p, value, right = draw(50, 40, 300), torch.rand(300), torch.randn(40, 8)

    def too_large(*_: object) -> torch.Tensor:
        raise torch.OutOfMemoryError("no memory")

    monkeypatch.setattr(kernels, "_FASTEST", {})
    monkeypatch.setattr(kernels, "there", lambda product, device, dtype: ("bag", "CSR", "gather"))
    of = kernels.KERNELS["spmm"] | {"bag": too_large, "CSR": too_large}
    monkeypatch.setitem(kernels.KERNELS, "spmm", of)  # type: ignore[arg-type]
    with caplog.at_level("INFO", logger="gnnseg"):
        torch.testing.assert_close(spmm(p, value, right), p.with_value(value).dense() @ right)
    assert "gather, " in caplog.text
    assert "bag failed, CSR failed" in caplog.text
    monkeypatch.setattr(kernels, "_FASTEST", {})
    monkeypatch.setitem(
        kernels.KERNELS,
        "spmm",
        of | {"gather": too_large},  # type: ignore[arg-type]
    )
    with pytest.raises(RuntimeError, match="no memory"):
        spmm(p, value, right)
    wide = Csr((50, 1 << 31), p.start, p.row, p.column)
    timed: list[str] = []
    monkeypatch.setattr(kernels, "_seconds", lambda kernel, *_: timed.append(kernel) or 1.0)
    kernels._fastest("sddmm", ("CSR", f"CSR{kernels.SHORT}"), wide, value, right)
    assert timed == [kernels.KERNELS["sddmm"]["CSR"]]


def test_sums_of_half_precision_by_gathering_are_as_exact_as_their_parts() -> None:
    p = Csr.of(torch.zeros(4000), torch.arange(4000), (1, 4000))
    one = torch.ones(4000, dtype=torch.bfloat16)
    for name, kernel in kernels.KERNELS["spmm"].items():
        if not name.startswith("CSR"):
            assert kernel(p, one, one[:, None]).item() == 4000, name


def test_bf16_passes_messages_and_their_gradients_in_bfloat16() -> None:
    p = draw(60, 50, 900)
    value, x = torch.rand(900), torch.randn(50, 8).requires_grad_()
    fixed, away = Fixed.of(p, value), torch.randn(60, 8)
    exact = fixed @ x
    (slope,) = torch.autograd.grad(exact, x, away)
    with mixed_precision("bf16") as precision:
        torch.testing.assert_close(spmm(p, value, x), exact, rtol=0, atol=0)  # learned weights: not
        assert not precision.read
        low, sent = fixed @ x, messages(p, value, x)
        assert precision.read
    assert torch.equal(low, sent)
    (low_slope,) = torch.autograd.grad(low, x, away)  # also where the step has gone on
    for found, wanted in ((low, exact), (low_slope, slope)):
        assert found.dtype == torch.float32
        assert not torch.equal(found, wanted)
        assert (found - wanted).norm() < 0.005 * wanted.norm()
    with mixed_precision("float32"):
        assert torch.equal(fixed @ x, exact)
    assert torch.equal(fixed @ x, exact)


def test_mixed_precision_is_a_threads_own() -> None:
    p, found = draw(60, 50, 900), []
    fixed, x = Fixed.of(p, torch.rand(900)), torch.randn(50, 8)
    exact = fixed @ x
    with mixed_precision("bf16"):
        beside = threading.Thread(target=lambda: found.append(fixed @ x))
        beside.start()
        beside.join()
        assert not torch.equal(fixed @ x, exact)
    assert torch.equal(found[0], exact)


def test_a_product_does_not_depend_on_the_number_of_threads() -> None:
    p, right = draw(500, 400, 9000), torch.randn(400, 33)
    value = torch.randn(p.entries)
    before, found = torch.get_num_threads(), []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            found.append(spmm(p, value, right))
    finally:
        torch.set_num_threads(before)
    assert torch.equal(*found)


def test_a_type_without_kernel_takes_the_fallback() -> None:
    p = draw(20, 10, 60)
    right = torch.randn(10, 4)
    left = torch.randn(20, 4)
    assert kernels.there("sddmm", "cpu", torch.bfloat16) == ("gather",)
    low = sddmm(p, left.bfloat16(), right.bfloat16())
    wanted = (left @ right.T)[p.row, p.column]
    torch.testing.assert_close(low.float(), wanted, atol=0.2, rtol=0.05)
    low = spmm(p, torch.ones(p.entries, dtype=torch.bfloat16), right.bfloat16())
    torch.testing.assert_close(low.float(), p.dense() @ right, atol=0.2, rtol=0.05)


def test_transpose_and_back() -> None:
    p = draw(9, 7, 30).with_value(torch.arange(30.0))
    torch.testing.assert_close(p.T.dense(), p.dense().T)
    torch.testing.assert_close(p.T.T.dense(), p.dense())
    assert torch.equal(p.t_order[p.T.t_order], torch.arange(30))


def test_rows_and_contains_equal_a_loop() -> None:
    p = draw(9, 7, 30)
    wanted = torch.tensor([4, 0, 4, 8])
    where, entry = p.entries_of(wanted)
    dense = p.dense().bool()
    expected = [(i, c) for i, r in enumerate(wanted) for c in range(7) if dense[r, c]]
    assert list(zip(where.tolist(), p.column[entry].tolist(), strict=True)) == expected
    rows, columns = torch.meshgrid(torch.arange(9), torch.arange(7), indexing="ij")
    assert torch.equal(p.contains(rows, columns), dense)
    assert not draw(3, 3, 0).contains(torch.tensor([1]), torch.tensor([1])).any()


def test_pairs_that_stand_twice_or_outside_are_refused() -> None:
    with pytest.raises(ValueError, match="twice"):
        Csr.of([0, 0], [1, 1], (2, 2))
    with pytest.raises(ValueError, match="outside"):
        Csr.of([0, 2], [1, 1], (2, 2))


def test_row_order_does_not_matter() -> None:
    a = Csr.of([1, 0, 1], [0, 1, 1], (2, 2), torch.tensor([3.0, 1.0, 2.0]))
    b = Csr.of([0, 1, 1], [1, 1, 0], (2, 2), torch.tensor([1.0, 2.0, 3.0]))
    assert torch.equal(a.dense(), b.dense())
    assert torch.equal(a.value, b.value)  # type: ignore[arg-type]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="torch has no CUDA here")
def test_cuda_agrees_with_the_cpu() -> None:
    p = draw(200, 150, 3000)
    value, left, right = torch.randn(p.entries), torch.randn(200, 16), torch.randn(150, 16)
    q = p.to("cuda")
    torch.testing.assert_close(
        spmm(q, value.cuda(), right.cuda()).cpu(), spmm(p, value, right), atol=1e-4, rtol=1e-4
    )
    torch.testing.assert_close(
        sddmm(q, left.cuda(), right.cuda()).cpu(), sddmm(p, left, right), atol=1e-4, rtol=1e-4
    )


def test_a_transpose_is_made_when_it_is_asked_for_and_once() -> None:
    p = draw(9, 7, 30)
    p.contains(p.row, p.column)
    assert "order" not in vars(p.turned)
    with_value = p.with_value(torch.arange(30.0))
    assert with_value.T.column is p.T.column


def test_a_moved_pattern_keeps_the_way_between_it_and_its_transpose() -> None:
    """Of rows whose columns stand in no order, sorting the transpose would not find it again."""
    row, column = torch.tensor([0, 0, 0, 1, 1]), torch.tensor([2, 0, 1, 2, 1])
    p = Csr.by_rows(row, column, (2, 3))
    for moved in (p.to("cpu"), p.T.to("cpu").T, p.T.T.to("cpu")):
        assert torch.equal(moved.row, row)
        assert torch.equal(moved.column, column)
        assert torch.equal(moved.row[moved.t_order], p.T.column)
        assert torch.equal(moved.T.t_order[moved.t_order], torch.arange(5))
