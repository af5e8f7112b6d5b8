"""The tree against an independent, naive reading of RFC 6962, and against published vectors."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from governance.ledger import merkle


def naive_root(leaves: Sequence[bytes]) -> bytes:
    """MTH of RFC 6962 2.1, letter by letter."""
    if not leaves:
        return hashlib.sha256().digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\0" + leaves[0]).digest()
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return hashlib.sha256(b"\1" + naive_root(leaves[:k]) + naive_root(leaves[k:])).digest()


def naive_path(m: int, leaves: Sequence[bytes]) -> list[bytes]:
    """PATH of RFC 6962 2.1.1."""
    if len(leaves) == 1:
        return []
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    if m < k:
        return [*naive_path(m, leaves[:k]), naive_root(leaves[k:])]
    return [*naive_path(m - k, leaves[k:]), naive_root(leaves[:k])]


def naive_subproof(m: int, leaves: Sequence[bytes], whole: bool) -> list[bytes]:
    """SUBPROOF of RFC 6962 2.1.2."""
    if m == len(leaves):
        return [] if whole else [naive_root(leaves)]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    if m <= k:
        return [*naive_subproof(m, leaves[:k], whole), naive_root(leaves[k:])]
    return [*naive_subproof(m - k, leaves[k:], False), naive_root(leaves[:k])]


class Grown:
    """A tree grown in steps, its tiles kept as the database keeps them: partial ones beside full ones."""

    def __init__(self, steps: Sequence[int]) -> None:
        self.leaves = [f"leaf {number}".encode() for number in range(sum(steps))]
        self.tiles: dict[tuple[int, int, int], bytes] = {}
        self.sizes: list[int] = []
        size = 0
        for step in steps:
            edge = merkle.RightEdge.load(size, self.read)
            full = edge.append(merkle.leaf_hash(leaf) for leaf in self.leaves[size : size + step])
            size += step
            for tile in (*full, *edge.partial()):
                self.tiles[tile.level, tile.index, tile.width] = tile.hashes
            assert edge.size == size
            assert edge.root() == naive_root(self.leaves[:size])
            self.sizes.append(size)
        self.size = size

    def read(self, level: int, index: int, width: int) -> bytes:
        full = self.tiles.get((level, index, merkle.TILE_WIDTH))
        return full if full is not None else self.tiles[level, index, width]


@pytest.fixture(scope="module")
def grown() -> Grown:
    # Two levels of tiles and a bit: 256 * 256 + …, in uneven steps.
    return Grown([1, 2, 250, 3, 1, 600, 255, 1, 64_300, 200, 77])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 400), min_size=1, max_size=5), st.data())
def test_proofs_are_those_of_the_rfc(steps: list[int], data: st.DataObject) -> None:
    tree = Grown(steps)
    size = data.draw(st.integers(1, tree.size))
    index = data.draw(st.integers(0, size - 1))
    first = data.draw(st.integers(1, size))
    root = naive_root(tree.leaves[:size])
    assert merkle.tree_root(size, tree.read, tree.size) == root
    path = merkle.inclusion_proof(index, size, tree.read, tree.size)
    assert path == naive_path(index, tree.leaves[:size])
    assert merkle.verify_inclusion(merkle.leaf_hash(tree.leaves[index]), index, size, path, root)
    proof = merkle.consistency_proof(first, size, tree.read, tree.size)
    assert proof == naive_subproof(first, tree.leaves[:size], True)
    assert merkle.verify_consistency(first, size, proof, naive_root(tree.leaves[:first]), root)


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_proofs_hold_across_three_levels_of_tiles(grown: Grown, data: st.DataObject) -> None:
    size = data.draw(st.integers(1, grown.size))
    index = data.draw(st.integers(0, size - 1))
    first = data.draw(st.integers(1, size))
    root = merkle.tree_root(size, grown.read, grown.size)
    path = merkle.inclusion_proof(index, size, grown.read, grown.size)
    assert merkle.verify_inclusion(merkle.leaf_hash(grown.leaves[index]), index, size, path, root)
    proof = merkle.consistency_proof(first, size, grown.read, grown.size)
    assert merkle.verify_consistency(first, size, proof, merkle.tree_root(first, grown.read, grown.size), root)


@settings(max_examples=150, deadline=None)
@given(st.integers(1, 300), st.data())
def test_a_changed_proof_never_verifies(size: int, data: st.DataObject) -> None:
    leaves = [str(number).encode() for number in range(size)]
    index = data.draw(st.integers(0, size - 1))
    root = naive_root(leaves)
    path = naive_path(index, leaves)
    leaf = merkle.leaf_hash(leaves[index])
    assert merkle.verify_inclusion(leaf, index, size, path, root)
    wrong_index = data.draw(st.integers(-2, size + 2).filter(lambda value: value != index))
    assert not merkle.verify_inclusion(leaf, wrong_index, size, path, root)
    assert not merkle.verify_inclusion(bytes(32), index, size, path, root)
    assert not merkle.verify_inclusion(leaf, index, size, [*path, bytes(32)], root)
    if path:
        at = data.draw(st.integers(0, len(path) - 1))
        assert not merkle.verify_inclusion(leaf, index, size, [*path[:at], bytes(32), *path[at + 1 :]], root)
        assert not merkle.verify_inclusion(leaf, index, size, path[:-1], root)
    first = data.draw(st.integers(1, size))
    proof = naive_subproof(first, leaves, True)
    old = naive_root(leaves[:first])
    assert not merkle.verify_consistency(first, size, proof, bytes(32), root)
    assert not merkle.verify_consistency(first, size, proof, old, bytes(32))
    assert not merkle.verify_consistency(first, size, [*proof, bytes(32)], old, root)
    assert not merkle.verify_consistency(0, size, proof, old, root)
    if proof:
        at = data.draw(st.integers(0, len(proof) - 1))
        assert not merkle.verify_consistency(first, size, [*proof[:at], bytes(32), *proof[at + 1 :]], old, root)


# The inputs of the certificate-transparency reference implementation (merkletree/tree_test.go, "CT reference").
VECTOR_INPUTS = [
    "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f",
]  # fmt: skip
VECTOR_ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def test_published_vectors_of_certificate_transparency() -> None:
    assert merkle.EMPTY_ROOT.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    edge = merkle.RightEdge()
    for text, root in zip(VECTOR_INPUTS, VECTOR_ROOTS, strict=True):
        edge.append([merkle.leaf_hash(bytes.fromhex(text))])
        assert edge.root().hex() == root


def test_the_edge_of_a_tree_of_70000_is_its_three_partial_tiles() -> None:
    # C2SP tlog-tiles: "a tree of size 70,000 … partial tiles tile/0/x001/017.p/112, tile/1/001.p/17, tile/2/000.p/1"
    assert merkle.edge_tiles(70_000) == [(0, 273, 112), (1, 1, 17), (2, 0, 1)]


def test_impossible_proofs_are_refused() -> None:
    tree = Grown([5])
    with pytest.raises(ValueError, match="no leaf 5"):
        merkle.inclusion_proof(5, 5, tree.read)
    with pytest.raises(ValueError, match="does not extend"):
        merkle.consistency_proof(0, 5, tree.read)
    with pytest.raises(ValueError, match="does not extend"):
        merkle.consistency_proof(6, 5, tree.read)
