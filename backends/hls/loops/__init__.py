"""The circuit of a program of loop nests: counters, memories, pipelines, and the frames that go through."""
