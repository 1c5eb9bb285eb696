"""Where the time of a call goes: instrumented code, its times beside the machine's peaks, tables and pictures."""
