import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

KILLS = 10


@pytest.mark.skipif(os.name == "nt", reason="needs fork")
def test_a_run_killed_ten_times_ends_bit_by_bit_as_one_left_alone(tmp_path):
    command = [
        sys.executable,
        str(Path(__file__).with_name("nursery.py")),
        str(tmp_path),
        str(KILLS),
    ]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment)
    assert done.returncode == 0, done.stderr
    outcome = json.loads(done.stdout)
    assert outcome["equal"], outcome
    assert outcome["hit"] >= KILLS // 2, outcome
