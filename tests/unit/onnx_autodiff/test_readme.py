"""The README's example runs and prints what it says."""

import re
import subprocess
import sys
from pathlib import Path

README = Path(__file__).parents[3] / "libs/onnx_autodiff/README.md"


def test_the_example_prints_the_documented_output() -> None:
    (example,) = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    expected = re.findall(r"# (.+)\n$", example)

    done = subprocess.run([sys.executable, "-W", "error", "-c", example], capture_output=True, text=True, check=True)

    assert done.stdout.splitlines() == expected
