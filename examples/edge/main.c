/* Recognises digits on a Cortex-M without an operating system: pictures of 8x8 floats come from the file x.bin, scores
 * of the ten digits go to y.bin, and the digits are printed. Files are those of the debugger or the emulator. */
#include "board.h"
#include "model.h"

static float picture[STEPWELL_MAIN_INPUT_0_SIZE], scores[STEPWELL_MAIN_OUTPUT_0_SIZE];
/* All the memory that the model works in; one more byte, because C has no empty arrays. */
static uint8_t arena[STEPWELL_MAIN_ARENA_BYTES + 1] __attribute__((aligned(STEPWELL_ALIGNMENT)));

static int best_of(const float *values, int count) {
  int best = 0;
  for (int i = 1; i < count; ++i)
    if (values[i] > values[best]) best = i;
  return best;
}

static int run(void) {
  const int pictures = open_file("x.bin", FILE_READ), results = open_file("y.bin", FILE_WRITE);
  if (pictures < 0 || results < 0) return fail("x.bin can't be read, or y.bin not be written\n");
  char line[] = "0\n";
  while (read_file(pictures, picture, sizeof picture)) {
    const int32_t status = stepwell_main(picture, scores, stepwell_parameters, arena);
    if (status != STEPWELL_OK) return fail("the model failed\n");
    if (!write_file(results, scores, sizeof scores)) return fail("y.bin can't be written\n");
    line[0] = (char)('0' + best_of(scores, STEPWELL_MAIN_OUTPUT_0_SIZE));
    print(line);
  }
  close_file(results);
  return 0;
}
