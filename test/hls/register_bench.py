"""C++ that reads and writes the registers of a design at random while beats move, beside a model of them."""

from __future__ import annotations

from stepwell.backends.hls.register_file import VERSION

_TEMPLATE = """\
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include "V@TOP@.h"
#include "verilated.h"

static uint64_t state;
static unsigned percent() {
  state ^= state >> 12; state ^= state << 25; state ^= state >> 27;
  return unsigned((state * 2685821657736338717ull) >> 33) % 100;
}
static V@TOP@ top;
static int fail(const char* what, unsigned got, unsigned want, unsigned cycle) {
  std::printf("%s in cycle %u: %x instead of %x\\n", what, cycle, got, want);
  return 1;
}

// Arguments: seed, percent of cycles in which the master offers, and takes.
int main(int, char** argv) {
  state = std::strtoull(argv[1], nullptr, 10) * 2 + 1;
  const unsigned offer = std::atoi(argv[2]), take = std::atoi(argv[3]);
  Verilated::randReset(2);
  unsigned frames = 0, cycles = 0, in_stalls = 0, out_stalls = 0, beat = 0, reads = 0, writes = 0, cleared = 0;
  bool read_due = false, write_due = false;
  unsigned word = 0, read_answer = 0, write_answer = 0;
  bool aw = false, w = false, ar = false, in = false;
  for (unsigned cycle = 0; cycle < 6000; ++cycle) {
    const bool reset = cycle < 3 || (cycle >= 2000 && cycle < 2002);
    top.rst = reset;
    if (reset) aw = w = ar = in = false;
    // What is offered stays until it is taken.
    if (!aw && !reset && percent() < offer) { aw = true; top.s_axi_lite_awaddr = percent() % 32; }
    if (!w && !reset && percent() < offer) {
      w = true;
      top.s_axi_lite_wdata = percent() < 20 ? 1 : percent() * 2;
      top.s_axi_lite_wstrb = percent() % 16;
    }
    if (!ar && !reset && percent() < offer) { ar = true; top.s_axi_lite_araddr = percent() % 32; }
    if (!in && !reset && percent() < 70) { in = true; top.@IN@_tdata = percent(); }
    top.s_axi_lite_awvalid = aw; top.s_axi_lite_wvalid = w; top.s_axi_lite_arvalid = ar; top.@IN@_tvalid = in;
    top.s_axi_lite_bready = !reset && percent() < take;
    top.s_axi_lite_rready = !reset && percent() < take;
    top.@OUT@_tready = !reset && percent() < 60;
    top.clk = 0;
    top.eval();
    if (!reset) {
      if (top.s_axi_lite_rvalid != read_due) return fail("rvalid", top.s_axi_lite_rvalid, read_due, cycle);
      if (top.s_axi_lite_bvalid != write_due) return fail("bvalid", top.s_axi_lite_bvalid, write_due, cycle);
      if (read_due && top.s_axi_lite_rdata != word) return fail("rdata", top.s_axi_lite_rdata, word, cycle);
      if (read_due && top.s_axi_lite_rresp != read_answer)
        return fail("rresp", top.s_axi_lite_rresp, read_answer, cycle);
      if (write_due && top.s_axi_lite_bresp != write_answer)
        return fail("bresp", top.s_axi_lite_bresp, write_answer, cycle);
    }
    const bool in_waits = in && !top.@IN@_tready, moved = top.@OUT@_tvalid && top.@OUT@_tready;
    const bool out_waits = top.@OUT@_tvalid && !top.@OUT@_tready;
    const bool reads_now = ar && top.s_axi_lite_arready, writes_now = aw && top.s_axi_lite_awready;
    if (!reset && writes_now != (w && top.s_axi_lite_wready))
      return fail("wready", top.s_axi_lite_wready, writes_now, cycle);
    if (read_due && top.s_axi_lite_rready) read_due = false;
    if (write_due && top.s_axi_lite_bready) write_due = false;
    const bool accepted = in && top.@IN@_tready;
    if (reset) {
      frames = cycles = in_stalls = out_stalls = beat = 0;
      read_due = write_due = false;
    } else {
      if (reads_now) {
        const unsigned words[8] = {@VERSION@, 0, in_waits | out_waits << 1, frames, cycles, in_stalls, out_stalls, 0};
        const unsigned number = top.s_axi_lite_araddr >> 2;
        word = words[number];
        read_answer = number == 7 ? 2 : 0;
        read_due = true;
        ++reads;
      }
      ++cycles; in_stalls += in_waits; out_stalls += out_waits;
      if (moved && ++beat == @BEATS@) { beat = 0; ++frames; }
      if (writes_now) {
        const bool control = top.s_axi_lite_awaddr >> 2 == 1;
        write_answer = control ? 0 : 2;
        write_due = true;
        ++writes;
        if (control && (top.s_axi_lite_wdata & 1) && (top.s_axi_lite_wstrb & 1)) {
          frames = cycles = in_stalls = out_stalls = 0;
          ++cleared;
        }
      }
    }
    top.clk = 1;
    top.eval();
    if (reset) continue;
    if (writes_now) aw = w = false;
    if (reads_now) ar = false;
    if (accepted) in = false;
  }
  std::printf("%u reads, %u writes, %u times cleared\\n", reads, writes, cleared);
  return reads < 100 || writes < 100 || cleared == 0 || frames == 0;
}
"""


def register_bench(top: str, source: str, sink: str, beats: int) -> str:
    """For a design with one input and one output, whose buses begin so; ``beats``: of a frame that leaves."""
    text = _TEMPLATE
    marks = {"TOP": top, "IN": source, "OUT": sink, "BEATS": str(beats), "VERSION": f"0x{VERSION:x}"}
    for mark, value in marks.items():
        text = text.replace(f"@{mark}@", value)
    return text
