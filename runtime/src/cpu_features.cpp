// Whether this processor has what the code was compiled for.
#include <stdio.h>
#include <string.h>

#include "internal.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#else
#include <sys/auxv.h>
#endif

namespace stepwell {
namespace {

#if defined(__x86_64__)

enum Register { kEbx, kEcx, kEdx, kEax };

// Where cpuid tells of a feature (Intel SDM volume 2A, table "Information Returned by CPUID").
struct Feature {
  const char *name;  // LLVM's
  uint32_t leaf, subleaf;
  Register reg;
  int bit;
  uint64_t state;  // register state that the operating system must save (bits of XCR0)
};

constexpr uint64_t kAvx = 0x6;
constexpr uint64_t kAvx512 = 0xE6;
constexpr uint64_t kAmx = 0x60000;

const Feature kFeatures[] = {
    {"sse3", 1, 0, kEcx, 0, 0},          {"ssse3", 1, 0, kEcx, 9, 0},         {"sse4.1", 1, 0, kEcx, 19, 0},
    {"sse4.2", 1, 0, kEcx, 20, 0},       {"popcnt", 1, 0, kEcx, 23, 0},       {"pclmul", 1, 0, kEcx, 1, 0},
    {"aes", 1, 0, kEcx, 25, 0},          {"movbe", 1, 0, kEcx, 22, 0},        {"cx16", 1, 0, kEcx, 13, 0},
    {"avx", 1, 0, kEcx, 28, kAvx},       {"fma", 1, 0, kEcx, 12, kAvx},       {"f16c", 1, 0, kEcx, 29, kAvx},
    {"avx2", 7, 0, kEbx, 5, kAvx},       {"bmi", 7, 0, kEbx, 3, 0},           {"bmi2", 7, 0, kEbx, 8, 0},
    {"adx", 7, 0, kEbx, 19, 0},          {"sha", 7, 0, kEbx, 29, 0},          {"gfni", 7, 0, kEcx, 8, 0},
    {"vaes", 7, 0, kEcx, 9, kAvx},       {"vpclmulqdq", 7, 0, kEcx, 10, kAvx}, {"lzcnt", 0x80000001, 0, kEcx, 5, 0},
    {"avx512f", 7, 0, kEbx, 16, kAvx512}, {"avx512dq", 7, 0, kEbx, 17, kAvx512}, {"avx512cd", 7, 0, kEbx, 28, kAvx512},
    {"avx512bw", 7, 0, kEbx, 30, kAvx512}, {"avx512vl", 7, 0, kEbx, 31, kAvx512},
    {"avx512ifma", 7, 0, kEbx, 21, kAvx512}, {"avx512vbmi", 7, 0, kEcx, 1, kAvx512},
    {"avx512vbmi2", 7, 0, kEcx, 6, kAvx512}, {"avx512vnni", 7, 0, kEcx, 11, kAvx512},
    {"avx512bitalg", 7, 0, kEcx, 12, kAvx512}, {"avx512vpopcntdq", 7, 0, kEcx, 14, kAvx512},
    {"avx512fp16", 7, 0, kEdx, 23, kAvx512}, {"avx512bf16", 7, 1, kEax, 5, kAvx512},
    {"avxvnni", 7, 1, kEax, 4, kAvx},    {"amx-tile", 7, 0, kEdx, 24, kAmx},  {"amx-int8", 7, 0, kEdx, 25, kAmx},
    {"amx-bf16", 7, 0, kEdx, 22, kAmx},
};

uint64_t saved_state() {
  uint32_t eax, ebx, ecx, edx;
  if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx) || !(ecx & 1u << 27)) return 0;  // OSXSAVE
  uint32_t low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return static_cast<uint64_t>(high) << 32 | low;
}

// Linux gives a process the tile registers when it asks (Documentation/arch/x86/xstate.rst): ARCH_REQ_XCOMP_PERM, of
// the component that holds their numbers. Asking again is no harm.
bool may_use_tiles() { return syscall(SYS_arch_prctl, 0x1023, 18) == 0; }

bool has(const Feature &feature) {
  uint32_t r[4];
  if (!__get_cpuid_count(feature.leaf, feature.subleaf, &r[kEax], &r[kEbx], &r[kEcx], &r[kEdx])) return false;
  if ((r[feature.reg] >> feature.bit & 1) == 0 || (saved_state() & feature.state) != feature.state) return false;
  return feature.state != kAmx || may_use_tiles();
}

bool is_missing(const char *name, size_t length) {
  for (const Feature &feature : kFeatures)
    if (strlen(feature.name) == length && memcmp(feature.name, name, length) == 0) return !has(feature);
  return false;  // tuning hints and features without a cpuid bit of their own
}
#elif defined(__aarch64__)
// Where Linux tells of a feature (its Documentation/arch/arm64/elf_hwcaps.rst); what every processor has is left out.
struct Feature {
  const char *name;  // LLVM's
  unsigned long vector;
  int bit;
};

const Feature kFeatures[] = {
    {"lse", AT_HWCAP, 8},   {"fullfp16", AT_HWCAP, 10}, {"dotprod", AT_HWCAP, 20}, {"sve", AT_HWCAP, 22},
    {"sve2", AT_HWCAP2, 1}, {"i8mm", AT_HWCAP2, 13},    {"bf16", AT_HWCAP2, 14},
};

bool is_missing(const char *name, size_t length) {
  for (const Feature &feature : kFeatures)
    if (strlen(feature.name) == length && memcmp(feature.name, name, length) == 0)
      return (getauxval(feature.vector) >> feature.bit & 1) == 0;
  return false;
}
#elif defined(__riscv)
// Extensions of one letter have its bit; Linux does not tell of others here.
bool is_missing(const char *name, size_t length) {
  return length == 1 && (getauxval(AT_HWCAP) >> (name[0] - 'a') & 1) == 0;
}
#else
bool is_missing(const char *, size_t) { return false; }
#endif

}  // namespace

int check_cpu_features(const char *features) {
  char missing[512] = "";
  size_t used = 0;
  for (const char *item = features ? features : ""; *item;) {
    const size_t length = strcspn(item, ",");
    if (*item == '+' && is_missing(item + 1, length - 1) && used + length + 2 < sizeof missing)
      used += static_cast<size_t>(snprintf(missing + used, sizeof missing - used, "%s%.*s", used ? ", " : "",
                                           static_cast<int>(length - 1), item + 1));
    item += length + (item[length] == ',');
  }
  if (used)
    return fail(SW_ERROR_ARTIFACT, "this processor lacks what the model was compiled for: %s%s", missing,
                strstr(missing, "amx-") ? " (Linux has to give tile registers to the process, too)" : "");
  return SW_OK;
}

}  // namespace stepwell
