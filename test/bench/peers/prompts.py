"""The prompts of the sampling benchmark, as test/bench/samplingShard.ts has them."""


def prompts(rows: int, length: int, vocabulary: int) -> list[list[int]]:
    """Token ids of each row, without any special one."""
    return [[3 + (row * 131 + i * 17) % (vocabulary - 3) for i in range(length)] for row in range(rows)]
