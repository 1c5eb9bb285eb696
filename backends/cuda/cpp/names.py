"""Names in printed files: of values by what they are, of instructions by what they do."""

from __future__ import annotations

import re

_INSTRUCTIONS: list[tuple[str, str]] = [
    (r"wgmma\.mma_async\.sync\.aligned\.(m\w+)\.\w+\.(\w+)\.\w+", "wgmma_{}_{}"),
    (r"wgmma\.fence", "wgmma_fence"),
    (r"wgmma\.commit_group", "wgmma_commit"),
    (r"wgmma\.wait_group\.sync\.aligned (\d+)", "wgmma_wait_{}"),
    (r"mma\.sync\.aligned\.(m\w+)\.row\.col\.\w+\.(\w+)", "mma_{}_{}"),
    (r"ldmatrix.*\.trans", "load_matrices_transposed"),
    (r"ldmatrix", "load_matrices"),
    (r"stmatrix", "store_matrices"),
    (r"mbarrier\.init", "barrier_init"),
    (r"mbarrier\.arrive\.expect_tx", "barrier_expect"),
    (r"@mine mbarrier\.arrive", "barrier_arrive_if"),
    (r"mbarrier\.arrive\.shared::cluster", "barrier_arrive_at"),
    (r"mbarrier\.arrive", "barrier_arrive"),
    (r"mbarrier\.try_wait", "barrier_wait"),
    (r"fence\.mbarrier_init", "fence_barrier_init"),
    (r"fence\.proxy\.async", "fence_async"),
    (r"bar\.sync 0;", "sync_block"),
    (r"bar\.sync", "sync_threads"),
    (r"bar\.warp\.sync", "sync_warp"),
    (r"bar\.arrive", "arrive_threads"),
    (r"barrier\.cluster\.arrive\.release\.aligned", "sync_cluster"),
    (r"barrier\.cluster\.arrive", "meet_cluster"),
    (r"setmaxnreg\.(inc|dec)\.sync\.aligned\.u32 (\d+)", "registers_{}_{}"),
    (r"prefetch\.tensormap", "prefetch_map"),
    (r"cp\.async\.bulk\.tensor\.(\dd)\.shared::cluster\.global.*\.multicast", "copy_in_{}_to_cluster"),
    (r"cp\.async\.bulk\.tensor\.(\dd)\.shared::cluster\.global", "copy_in_{}"),
    (r"cp\.async\.bulk\.tensor\.(\dd)\.global", "copy_out_{}"),
    (r"cp\.async\.bulk\.commit_group", "copies_commit"),
    (r"cp\.async\.bulk\.wait_group\.read (\d+)", "copies_wait_read_{}"),
    (r"cp\.async\.commit_group", "copies_close"),
    (r"cp\.async\.wait_group (\d+)", "copies_wait_{}"),
    (r"cp\.async\.c[ag]\.shared\.global .*, (\d+), ", "copy_async_{}"),
    (r"shfl\.sync\.bfly\.b32 \$0, \$1, (\d+)", "shuffle_xor_{}"),
    (r"shfl\.sync\.idx\.b32 \$0, \$1, 0,", "of_first_lane"),
    (r"vote\.sync\.any", "any_lane"),
    (r"mov\.u32 \$0, %cluster_ctarank", "block_in_cluster"),
    (r"mapa\.shared::cluster", "in_block"),
    (r"st\.shared::cluster\.(v\d)", "store_in_cluster_{}"),
    (r"(ld|st)\.(shared|global)\.(v\d)\.(\w+)", "{}_{}_{}_{}"),
    (r"(ld|st)\.(shared|global)\.(\w+)", "{}_{}_{}"),
    (r"cvt\.rn\.(\w+)x2\.f32", "pack_{}"),
    (r"cvt\.rna\.tf32\.f32", "round_to_tf32"),
    (r"cvt\.pack\.sat\.s8", "pack_bytes"),
]
"""What an instruction's text has, and what its function is called."""


def instruction_name(text: str) -> str:
    """A name for the function around an instruction; by its mnemonic where it has none of its own."""
    for pattern, name in _INSTRUCTIONS:
        found = re.search(pattern, text)
        if found is not None:
            return name.format(*found.groups())
    mnemonic = re.match(r"[\w.:]+", text)
    return re.sub(r"\W+", "_", mnemonic[0] if mnemonic else "instruction").strip("_")


_KEYWORDS = "asm auto bool char const default double extern float for if int long new register return short signed"
_MORE_KEYWORDS = "sizeof static struct template this true typename union unsigned void while"
_FUNCTIONS = "load map maximum memcpy minimum splat store"
_RESERVED = " ".join([_KEYWORDS, _MORE_KEYWORDS, _FUNCTIONS]).split()
"""What C++ or the file means by itself."""


class Names:
    """Names of a function's values, each given out once."""

    def __init__(self) -> None:
        self._counts = dict.fromkeys(_RESERVED, 1)

    def fresh(self, hint: str) -> str:
        """``hint`` the first time, numbered after that."""
        count = self._counts.get(hint, 0)
        self._counts[hint] = count + 1
        return f"{hint}_{count}" if count else hint
