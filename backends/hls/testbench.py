"""The C++ side of a simulation: drives the Verilated model from a file of beats and collects what comes out."""

from __future__ import annotations

from stepwell.backends.hls.design import PROBES, Design, axis_in, axis_out
from stepwell.backends.hls.register_file import INPUTS, PREFIX

_TEMPLATE = """\
// Drives @TOP@: beats from files, valid and ready at random where asked for, a count of cycles.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "V@TOP@.h"
#include "verilated.h"

#if VM_TRACE_FST
#include "verilated_fst_c.h"
struct Waves {
  VerilatedFstC file;
  uint64_t time = 0;
  void open(V@TOP@& top, const char* path) {
    Verilated::traceEverOn(true);
    top.trace(&file, 99);
    file.open(path);
  }
  void dump() { if (file.isOpen()) file.dump(time++); }
};
#else
struct Waves {
  void open(V@TOP@&, const char*) { std::fprintf(stderr, "built without waveforms\\n"); std::exit(2); }
  void dump() {}
};
#endif

struct Input { std::vector<unsigned char> data; size_t bytes, beats, next; bool valid; };
struct Output {
  std::vector<unsigned char> data, held;
  size_t bytes, beats, next;
  bool waiting;
  uint64_t first, last;  // cycles after the last beat of the first frame, and of all
};

static std::vector<unsigned char> read_all(const std::string& path) {
  std::vector<unsigned char> data;
  FILE* file = std::fopen(path.c_str(), "rb");
  if (!file) { std::fprintf(stderr, "can't read %s\\n", path.c_str()); std::exit(2); }
  unsigned char chunk[65536];
  for (size_t n; (n = std::fread(chunk, 1, sizeof chunk, file)) > 0;) data.insert(data.end(), chunk, chunk + n);
  std::fclose(file);
  return data;
}

static uint64_t random_state;
static unsigned percent() {  // xorshift64*, Vigna 2016
  random_state ^= random_state >> 12; random_state ^= random_state << 25; random_state ^= random_state >> 27;
  return unsigned((random_state * 2685821657736338717ull) >> 33) % 100;
}

static std::vector<Input> inputs;
static std::vector<Output> outputs;

// Ports are little-endian words of at least the bytes of a beat; what a beat leaves over stays zero.
template <class P> void put(P& port, const unsigned char* from, size_t bytes) { std::memcpy(&port, from, bytes); }
template <class P> void get(const P& port, unsigned char* to, size_t bytes) { std::memcpy(to, &port, bytes); }

static const unsigned char* beat(const Input& in) { return &in.data[in.next * in.bytes]; }
static void drive(V@TOP@& top) {
@DRIVE@
}
static void sample(V@TOP@& top, bool* in_ready, bool* out_valid, std::vector<unsigned char>* data) {
@SAMPLE@
}
// A stream whose valid and ready can be seen, and the one behind the FIFO that it feeds (-1: none).
struct Probe { int behind; uint64_t moved, blocked, starved, held; int64_t holds; };
static std::vector<Probe> probes;
static void probe(V@TOP@& top) {
@PROBE@
}
static void forget() { for (Probe& p : probes) { p.moved = p.blocked = p.starved = p.held = 0; } }
static std::string counts(uint64_t Probe::*field) {
  std::string text = "[";
  for (size_t i = 0; i < probes.size(); ++i) text += (i ? ", " : "") + std::to_string(probes[i].*field);
  return text + "]";
}
static std::string ends(uint64_t Output::*field) {
  std::string text = "[";
  for (size_t o = 0; o < outputs.size(); ++o) text += (o ? ", " : "") + std::to_string(outputs[o].*field);
  return text + "]";
}
static void set_ready(V@TOP@& top, const bool* ready) {
@TAKE@
}

// Arguments: folder, frames, percent of cycles with valid offered, with ready given, seed, limit of cycles,
// cycles after which reset is given once (0: never); then a file for waveforms, if they are wanted.
int main(int argc, char** argv) {
  if (argc != 8 && argc != 9) return 2;
  const std::string folder = argv[1];
  const size_t frames = std::strtoull(argv[2], nullptr, 10);
  const unsigned valid_percent = std::atoi(argv[3]), ready_percent = std::atoi(argv[4]);
  random_state = std::strtoull(argv[5], nullptr, 10) * 2 + 1;
  const uint64_t limit = std::strtoull(argv[6], nullptr, 10);
  uint64_t reset_at = std::strtoull(argv[7], nullptr, 10);
@DECLARE@
  for (size_t i = 0; i < inputs.size(); ++i) inputs[i].data = read_all(folder + "/in" + std::to_string(i) + ".bin");
  Verilated::randReset(2);  // registers begin with anything
  Verilated::randSeed(std::atoi(argv[5]) * 2 + 1);
  V@TOP@ top;
  Waves waves;
  if (argc == 9) waves.open(top, argv[8]);
  bool in_ready[@INPUTS@] = {}, out_valid[@OUTPUTS@] = {}, out_ready[@OUTPUTS@] = {};
  std::vector<unsigned char> data[@OUTPUTS@];
  for (size_t o = 0; o < outputs.size(); ++o) data[o].resize(outputs[o].bytes);
  uint64_t cycle = 0, first_frame = 0, stalled = 0;
  unsigned reset = 3;
  bool done = false;
  while (!done) {
    if (reset_at && cycle == reset_at) {  // start over: what was under way is lost
      reset = 3;
      reset_at = 0;
      for (Probe& p : probes) p.holds = 0;
      for (Input& in : inputs) { in.next = 0; in.valid = false; }
      for (Output& out : outputs) { out.next = 0; out.waiting = false; out.data.clear(); }
    }
    top.rst = reset > 0;
    for (Input& in : inputs) {
      const bool more = in.next < in.beats * frames;
      in.valid = reset == 0 && more && (in.valid || percent() < valid_percent);
    }
    for (size_t o = 0; o < outputs.size(); ++o) out_ready[o] = reset == 0 && percent() < ready_percent;
    drive(top);
    set_ready(top, out_ready);
    top.clk = 0;
    top.eval();
    waves.dump();
    sample(top, in_ready, out_valid, data);
    if (reset == 0) probe(top);
    top.clk = 1;
    top.eval();
    waves.dump();
    if (reset > 0) { --reset; continue; }
    ++cycle;
    for (size_t i = 0; i < inputs.size(); ++i)
      if (inputs[i].valid && in_ready[i]) { ++inputs[i].next; inputs[i].valid = false; }
      else if (inputs[i].valid) ++stalled;
    done = true;
    bool one = true;
    for (size_t o = 0; o < outputs.size(); ++o) {
      Output& out = outputs[o];
      if (out.waiting && (!out_valid[o] || data[o] != out.held)) {
        std::fprintf(stderr, "output %zu took back a beat in cycle %llu\\n", o, (unsigned long long)cycle);
        return 3;
      }
      out.waiting = out_valid[o] && !out_ready[o];
      out.held = data[o];
      if (out_valid[o] && out_ready[o]) {
        // Parameters come for ever.
        if (out.next < out.beats * frames) out.data.insert(out.data.end(), data[o].begin(), data[o].end());
        ++out.next;
        out.last = cycle;
        if (out.next == out.beats) out.first = cycle;
      }
      done = done && out.next >= out.beats * frames;
      one = one && out.next >= out.beats;
    }
    if (one && first_frame == 0) {
      first_frame = cycle;
      forget();
    }
    if (!done && cycle >= limit) {
      std::fprintf(stderr, "no end after %llu cycles\\n", (unsigned long long)cycle);
      return 4;
    }
  }
  for (size_t o = 0; o < outputs.size(); ++o) {
    FILE* file = std::fopen((folder + "/out" + std::to_string(o) + ".bin").c_str(), "wb");
    if (!file) return 2;
    const bool whole = std::fwrite(outputs[o].data.data(), 1, outputs[o].data.size(), file) == outputs[o].data.size();
    if (std::fclose(file) != 0 || !whole) return 2;
  }
  std::printf("{\\"cycles\\": %llu, \\"latency\\": %llu, \\"input_stalls\\": %llu, ", (unsigned long long)cycle,
              (unsigned long long)first_frame, (unsigned long long)stalled);
  std::printf("\\"first\\": %s, \\"last\\": %s, ", ends(&Output::first).c_str(), ends(&Output::last).c_str());
  std::printf("\\"moved\\": %s, \\"blocked\\": %s, \\"starved\\": %s, \\"held\\": %s}\\n",
              counts(&Probe::moved).c_str(), counts(&Probe::blocked).c_str(), counts(&Probe::starved).c_str(),
              counts(&Probe::held).c_str());
  return 0;
}
"""


_PROBE = """\
  unsigned char valid[@BYTES@] = {}, ready[@BYTES@] = {};
  get(top.@VALID@, valid, sizeof valid);
  get(top.@READY@, ready, sizeof ready);
  for (size_t i = 0; i < probes.size(); ++i) {
    Probe& p = probes[i];
    const bool v = valid[i / 8] >> (i % 8) & 1, r = ready[i / 8] >> (i % 8) & 1;
    p.moved += v && r;
    p.blocked += v && !r;
    p.starved += !v && r;
    if (p.behind >= 0) {
      p.holds += v && r;
      if (p.holds > int64_t(p.held)) p.held = p.holds;
      p.holds -= valid[p.behind / 8] >> (p.behind % 8) & ready[p.behind / 8] >> (p.behind % 8) & 1;
    }
  }"""


def testbench(design: Design, *, probed: bool) -> str:
    """C++ text for Verilator's ``--exe``; with ``probed`` for a top that shows its streams."""
    declare, drive, sample, ready = [], [], [], []
    if probed:
        fifos = {c.sources[0]: design.streams.index(c.name) for c in design.components if c.kind == "fifo"}
        declare += [f"  probes.push_back(Probe{{{fifos.get(name, -1)}, 0, 0, 0, 0, 0}});" for name in design.streams]
    for i, port in enumerate(design.inputs):
        prefix = f"top.{axis_in(port.name)}"
        declare.append(f"  inputs.push_back(Input{{{{}}, {port.bytes}, {port.beats}, 0, false}});")
        drive.append(f"  {prefix}_tvalid = inputs[{i}].valid;")
        drive.append(f"  if (inputs[{i}].valid)")
        drive.append(f"    put({prefix}_tdata, beat(inputs[{i}]), inputs[{i}].bytes);")
        sample.append(f"  in_ready[{i}] = {prefix}_tready;")
    for o, sink in enumerate(design.outputs):
        prefix, port = f"top.{axis_out(sink.port.name)}", sink.port
        declare.append(f"  outputs.push_back(Output{{{{}}, {{}}, {port.bytes}, {port.beats}, 0, false, 0, 0}});")
        ready.append(f"  {prefix}_tready = ready[{o}];")
        sample.append(f"  out_valid[{o}] = {prefix}_tvalid;")
        sample.append(f"  get({prefix}_tdata, data[{o}].data(), outputs[{o}].bytes);")
    if design.axi_lite:
        drive += [f"  top.{PREFIX}_{name} = 0;" for name in INPUTS]
    text = _TEMPLATE
    for mark, value in (
        ("PROBE", _PROBE if probed else ""),
        ("BYTES", str(-(-len(design.streams) // 8))),
        ("VALID", PROBES[0]),
        ("READY", PROBES[1]),
        ("TOP", design.top),
        ("DECLARE", "\n".join(declare)),
        ("DRIVE", "\n".join(drive)),
        ("SAMPLE", "\n".join(sample)),
        ("TAKE", "\n".join(ready)),
        ("INPUTS", str(len(design.inputs))),
        ("OUTPUTS", str(len(design.outputs))),
    ):
        text = text.replace(f"@{mark}@", value)
    return text
