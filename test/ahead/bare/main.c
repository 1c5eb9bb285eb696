/* Runs entry main of a model once: inputs from input_N.bin, outputs to output_N.bin; ends with the entry's status.
 * bare_model.h, made by the test, lists the tensors. */
#include "board.h"
#include "model.h"

#include "bare_model.h"

static uint8_t arena[STEPWELL_MAIN_ARENA_BYTES + 1] __attribute__((aligned(STEPWELL_ALIGNMENT)));

/* The compiler's library has none, and there is no libm here: Newton's steps from above. */
float sqrtf(float x) {
  double root = x > 1 ? x : 1;
  for (int i = 0; i < 200 && x > 0; ++i) root = 0.5 * (root + x / root);
  return x > 0 ? (float)root : x;
}

static int run(void) {
  for (unsigned i = 0; i < sizeof inputs / sizeof inputs[0]; ++i)
    if (!read_file(open_file(inputs[i].name, FILE_READ), inputs[i].data, inputs[i].bytes)) return fail("no input\n");
  /* Rubbish in the arena: nothing may count on zeros. */
  memset(arena, 0xFF, sizeof arena);
  const int32_t status = CALL(arena);
  if (status != STEPWELL_OK) return 10 + status;
  if (CALL(arena + 1) != STEPWELL_ERROR_INPUT && STEPWELL_MAIN_ARENA_BYTES) return fail("an unaligned arena was taken\n");
  if (CALL_WITHOUT_INPUT(arena) != STEPWELL_ERROR_INPUT) return fail("a missing input was taken\n");
  for (unsigned i = 0; i < sizeof outputs / sizeof outputs[0]; ++i) {
    const int file = open_file(outputs[i].name, FILE_WRITE);
    if (!write_file(file, outputs[i].data, outputs[i].bytes)) return fail("no output\n");
    close_file(file);
  }
  return 0;
}
