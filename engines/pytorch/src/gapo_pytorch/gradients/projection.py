"""Random projection of flat gradients by signs, the same signs as those of every other worker.

A sign depends on the seed, the dimension and the position alone, so the projections of shards add up. The bits are those of
Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011), as services/lib/numeric draws them.
"""

import numpy as np
from numpy.typing import NDArray

MULTIPLIERS = (np.uint64(0xD2511F53), np.uint64(0xCD9E8D57))
WEYL = (0x9E3779B9, 0xBB67AE85)
ROUNDS = 10
MASK = np.uint64(0xFFFFFFFF)
SHIFT = np.uint64(32)
BITS_OF_BLOCK = 128
BLOCKS_AT_A_TIME = 1 << 14

Words = NDArray[np.uint64]


def philox4x32(counter: tuple[Words, Words, Words, Words], key: tuple[int, int]) -> tuple[Words, Words, Words, Words]:
    """Blocks of four 32-bit words, as uint64 arrays, from 128-bit counters and a 64-bit key."""
    x0, x1, x2, x3 = counter
    k0, k1 = key
    for _ in range(ROUNDS):
        p0, p1 = MULTIPLIERS[0] * x0, MULTIPLIERS[1] * x2
        x0, x1, x2, x3 = (p1 >> SHIFT) ^ x1 ^ np.uint64(k0), p1 & MASK, (p0 >> SHIFT) ^ x3 ^ np.uint64(k1), p0 & MASK
        k0, k1 = (k0 + WEYL[0]) & 0xFFFFFFFF, (k1 + WEYL[1]) & 0xFFFFFFFF
    return x0, x1, x2, x3


def derive_seed(seed: int, purpose: str) -> int:
    """A seed for one purpose, independent of the seeds for others: an integer in [0, 2⁵³)."""
    low, high = seed & 0xFFFFFFFF, seed >> 32
    for k, character in enumerate(purpose):
        words = (np.array([n], np.uint64) for n in (ord(character), k, len(purpose), 0xFFFFFFFF))
        w0, w1, w2, w3 = words
        first, second, _, _ = philox4x32((w0, w1, w2, w3), (low, high))
        low, high = int(first[0]), int(second[0])
    return (high & 0x1FFFFF) * 2**32 + low


def project(gradient: NDArray[np.float32], dimensions: int, seed: int) -> NDArray[np.float32]:
    """Projects [P] to [dimensions]: y_d = Σ_p sign(d, p) · x_p / √dimensions, summed in float64."""
    own = derive_seed(seed, "projection")
    key = (own & 0xFFFFFFFF, own >> 32)
    blocks = -(-gradient.size // BITS_OF_BLOCK)
    projected = np.zeros(dimensions)
    for start in range(0, blocks, BLOCKS_AT_A_TIME):
        counted = np.arange(start, min(blocks, start + BLOCKS_AT_A_TIME), dtype=np.uint64)
        zeros = np.zeros_like(counted)
        part = gradient[start * BITS_OF_BLOCK : (start + counted.size) * BITS_OF_BLOCK].astype(np.float64)
        total = part.sum()
        for d in range(dimensions):
            words = np.stack(philox4x32((counted, zeros + np.uint64(d), zeros, zeros), key), axis=1).astype("<u4")
            bits = np.unpackbits(words.reshape(-1).view(np.uint8), bitorder="little")[: part.size]
            projected[d] += 2 * part[bits == 1].sum() - total
    scaled: NDArray[np.float32] = (projected / np.sqrt(dimensions)).astype(np.float32)
    return scaled
