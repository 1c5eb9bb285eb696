"""The demonstration, the quickstart, and the README's code, as people run them."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_demo_ends_well():
    done = subprocess.run([sys.executable, "-m", "examples.minilm.demo"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for wanted in ("stage", "model.safetensors", "The compiler lowers a model step by step.", "allowed 1e-04: ok"):
        assert wanted in done.stdout
    largest = float(re.search(r"largest error +(\S+)", done.stdout)[1])
    assert largest < 1e-4
    assert (ROOT / "out" / "minilm" / "model.json").is_file()


def test_readme_shows_the_quickstart_and_it_runs(tmp_path):
    script = ROOT / "examples" / "quickstart" / "quickstart.py"
    shown = re.search(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)[1]
    assert shown.strip() == script.read_text().partition('"""\n\n')[2].strip()
    done = subprocess.run([sys.executable, str(script)], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "torch.Size([100, 4])" in done.stdout
    assert done.stdout.rstrip().endswith("verified")
    assert (tmp_path / "out" / "mlp" / "model.so").is_file()
