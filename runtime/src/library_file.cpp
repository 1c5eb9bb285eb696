// A model.so is looked at before it is loaded: the dynamic linker maps a truncated file and then dies of it.
#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "internal.h"

namespace stepwell {
namespace {

// Whether `bytes` bytes hold everything that the ELF header says is in the file; the section table comes last.
bool is_complete(const Elf64_Ehdr &header, uint64_t bytes) {
  const uint64_t sections = static_cast<uint64_t>(header.e_shnum) * header.e_shentsize;
  const uint64_t segments = static_cast<uint64_t>(header.e_phnum) * header.e_phentsize;
  return header.e_shoff <= bytes && sections <= bytes - header.e_shoff && header.e_phoff <= bytes &&
         segments <= bytes - header.e_phoff;
}

}  // namespace

int check_library_file(const char *path) {
  FILE *file = fopen(path, "rbe");
  if (!file) return fail(SW_ERROR_ARTIFACT, "the artifact's code can't be loaded: %s: %s", path, strerror(errno));
  Elf64_Ehdr header;
  const bool is_elf = fread(&header, sizeof header, 1, file) == 1 &&
                      memcmp(header.e_ident, ELFMAG, SELFMAG) == 0 && header.e_ident[EI_CLASS] == ELFCLASS64;
  const long bytes = fseek(file, 0, SEEK_END) == 0 ? ftell(file) : 0;
  fclose(file);
  if (!is_elf || bytes < 0 || !is_complete(header, static_cast<uint64_t>(bytes)))
    return fail(SW_ERROR_ARTIFACT, "the artifact's code can't be loaded: %s is truncated or no shared library", path);
  return SW_OK;
}

}  // namespace stepwell
