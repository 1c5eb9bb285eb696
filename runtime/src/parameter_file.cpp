// The parameter file: a memory-mapped safetensors file whose layout must be the one that the code was compiled for.
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "internal.h"

namespace stepwell {
namespace {

constexpr uint64_t kLengthBytes = 8;  // the header's length, little-endian, begins the file

struct Spelling {
  int32_t code, bits;
  const char *name;
};

const Spelling kSpellings[] = {
    {kDLBool, 8, "BOOL"},   {kDLInt, 8, "I8"},    {kDLInt, 16, "I16"},     {kDLInt, 32, "I32"},
    {kDLInt, 64, "I64"},    {kDLUInt, 8, "U8"},   {kDLUInt, 16, "U16"},    {kDLUInt, 32, "U32"},
    {kDLUInt, 64, "U64"},   {kDLFloat, 16, "F16"}, {kDLBfloat, 16, "BF16"}, {kDLFloat, 32, "F32"},
    {kDLFloat, 64, "F64"},  {kDLFloat8_e4m3fn, 8, "F8_E4M3"}, {kDLFloat8_e5m2, 8, "F8_E5M2"},
    {kDLComplex, 64, "C64"},
};

const char *spelling(int32_t code, int32_t bits) {
  for (const Spelling &spelling : kSpellings)
    if (spelling.code == code && spelling.bits == bits) return spelling.name;
  return "an unknown dtype";
}

unsigned long long as_ull(uint64_t value) { return value; }

int map_file(const char *path, ParameterFile *file) {
  const int descriptor = open(path, O_RDONLY | O_CLOEXEC);
  if (descriptor < 0)
    return fail(SW_ERROR_ARTIFACT, "parameter file %s can't be opened: %s", path, strerror(errno));
  struct stat status;
  if (fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode)) {
    close(descriptor);
    return fail(SW_ERROR_ARTIFACT, "parameter file %s is not a regular file", path);
  }
  if (status.st_size < static_cast<off_t>(kLengthBytes)) {
    close(descriptor);
    return fail(SW_ERROR_ARTIFACT, "parameter file %s is truncated: it has %lld bytes", path,
                static_cast<long long>(status.st_size));
  }
  file->mapping_bytes = static_cast<uint64_t>(status.st_size);
  void *mapping = mmap(nullptr, file->mapping_bytes, PROT_READ, MAP_PRIVATE, descriptor, 0);
  close(descriptor);
  if (mapping == MAP_FAILED)
    return fail(SW_ERROR_MEMORY, "parameter file %s can't be mapped: %s", path, strerror(errno));
  file->mapping = mapping;
  return SW_OK;
}

int check_parameter(const ParameterFile *file, const char *path, const sw_parameter_desc &parameter) {
  const FileTensor *tensor = parameter_file_find(file, parameter.name);
  if (!tensor) return fail(SW_ERROR_ARTIFACT, "parameter file %s lacks parameter '%s'", path, parameter.name);
  const char *expected = spelling(parameter.dtype_code, parameter.dtype_bits);
  if (strcmp(tensor->dtype, expected) != 0)
    return fail(SW_ERROR_ARTIFACT, "parameter file %s: '%s' is %s, the code expects %s", path, parameter.name,
                tensor->dtype, expected);
  if (tensor->end - tensor->begin != parameter.bytes)
    return fail(SW_ERROR_ARTIFACT, "parameter file %s: '%s' has %llu bytes, the code expects %llu", path,
                parameter.name, as_ull(tensor->end - tensor->begin), as_ull(parameter.bytes));
  if (tensor->begin != parameter.offset)
    return fail(SW_ERROR_ARTIFACT, "parameter file %s: '%s' lies at offset %llu, the code expects %llu", path,
                parameter.name, as_ull(tensor->begin), as_ull(parameter.offset));
  return SW_OK;
}

}  // namespace

int parameter_file_open(const char *path, ParameterFile *file) {
  if (int status = map_file(path, file)) return status;
  const auto *bytes = static_cast<const uint8_t *>(file->mapping);
  uint64_t header_bytes = 0;
  for (int i = static_cast<int>(kLengthBytes) - 1; i >= 0; --i) header_bytes = header_bytes << 8 | bytes[i];
  if (header_bytes > file->mapping_bytes - kLengthBytes)
    return fail(SW_ERROR_ARTIFACT, "parameter file %s is truncated or no safetensors file: a header of %llu bytes in %llu",
                path, as_ull(header_bytes), as_ull(file->mapping_bytes));
  file->data = bytes + kLengthBytes + header_bytes;
  file->data_bytes = file->mapping_bytes - kLengthBytes - header_bytes;
  return parse_header(path, reinterpret_cast<const char *>(bytes) + kLengthBytes, header_bytes, file);
}

void parameter_file_close(ParameterFile *file) {
  if (file->mapping) munmap(file->mapping, file->mapping_bytes);
  free(file->names);
  free(file->tensors);
  memset(file, 0, sizeof *file);
}

const FileTensor *parameter_file_find(const ParameterFile *file, const char *name) {
  uint32_t low = 0;
  uint32_t high = file->n_tensors;
  while (low < high) {
    const uint32_t middle = low + (high - low) / 2;
    const int order = strcmp(file->tensors[middle].name, name);
    if (order == 0) return &file->tensors[middle];
    if (order < 0)
      low = middle + 1;
    else
      high = middle;
  }
  return nullptr;
}

int parameter_file_check(const ParameterFile *file, const char *path, const sw_model_desc *model, bool digest) {
  for (uint32_t i = 0; i < model->n_parameters; ++i)
    if (int status = check_parameter(file, path, model->parameters[i])) return status;
  if (file->data_bytes != model->parameter_bytes)
    return fail(SW_ERROR_ARTIFACT, "parameter file %s holds %llu bytes of data, the code expects %llu", path,
                as_ull(file->data_bytes), as_ull(model->parameter_bytes));
  if (reinterpret_cast<uintptr_t>(file->data) % SW_ALIGNMENT != 0)
    return fail(SW_ERROR_ARTIFACT, "parameter file %s: its data is not aligned to %u bytes", path, SW_ALIGNMENT);
  if (!digest || !model->parameter_digest || !*model->parameter_digest) return SW_OK;
  char found[65];
  sha256_hex(file->data, file->data_bytes, found);
  if (strcasecmp(found, model->parameter_digest) != 0)
    return fail(SW_ERROR_ARTIFACT, "parameter file %s: its data has SHA-256 %.16s..., the code expects %.16s...", path,
                found, model->parameter_digest);
  return SW_OK;
}

}  // namespace stepwell
