"""The pool of threads under a race detector (ThreadSanitizer), which sees what no run of a model would show."""

import subprocess
from pathlib import Path

from stepwell.support.native_library import include_folder

RUNTIME = include_folder().parent


def test_no_races(tmp_path: Path) -> None:
    flags = ["-O1", "-g", "-fsanitize=thread", f"-I{RUNTIME / 'include'}"]
    own = (RUNTIME / "flags.txt").read_text().split()
    sources = sorted(str(path) for path in (RUNTIME / "src").glob("*.cpp"))
    host = Path(__file__).with_name("pool.c")
    subprocess.run(["c++", "-std=c++17", *flags, *own, "-c", *sources], cwd=tmp_path, check=True)
    subprocess.run(["cc", "-std=c11", *flags, "-c", str(host)], cwd=tmp_path, check=True)
    objects = sorted(path.name for path in tmp_path.glob("*.o"))
    subprocess.run(
        ["cc", "-fsanitize=thread", "-o", "pool", *objects, "-lm", "-lpthread", "-ldl"], cwd=tmp_path, check=True
    )
    # The detector may find its addresses taken where the kernel scatters them widely; not all containers let us ask.
    still = ["setarch", "-R"]
    command = [*(still if subprocess.run([*still, "true"], check=False).returncode == 0 else []), "./pool"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert done.stdout == "0\n"
