"""README's snippets, run as they stand against a served copy."""

import subprocess
import sys
from pathlib import Path

from tests.cast import KEYS
from tests.docs.documents import ROOT, blocks
from tests.waiting import PATIENCE


def test_a_pipeline_registers_a_model_and_asks_the_gate(served: str, tmp_path: Path) -> None:
    (tmp_path / "loans.csv").write_text("income,repaid\n1,1\n", encoding="utf-8")
    (tmp_path / "model.bin").write_bytes(b"weights")
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "demo.env").write_text(
        f"export MUNIMENT_URL={served}\nexport PIPELINE_API_KEY={KEYS['pipeline']}\n", encoding="utf-8"
    )
    first, gate, fact, live = [block for block in blocks("README.md", "sh") if "curl" in block]
    (whole,) = blocks("README.md", "python")

    def shell(script: str) -> subprocess.CompletedProcess[str]:
        given = f"set -e; . var/demo.env\n{script}"
        return subprocess.run(
            ["sh", "-c", given], cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE, check=False
        )

    registered = shell(first)
    assert registered.returncode == 0, registered.stdout + registered.stderr
    assert '"receipt"' in registered.stdout
    for _again in range(2):
        done = shell(f"exec {sys.executable} - <<'END'\n{whole}\nEND")
        assert done.stdout.startswith("scoring 1: release "), done.stdout + done.stderr
    step = next(block for block in blocks("README.md", "sh") if "muniment gate" in block)
    held = shell(f'muniment() {{ {sys.executable} -I -S {ROOT}/governance/client/muniment.py "$@"; }}\n{step}')
    assert held.returncode == 1, held.stdout + held.stderr
    assert "CLOSED retail/scoring 1 → production (champion)" in held.stdout
    asked = shell(gate)
    assert asked.returncode == 22, "curl --fail must end with 22 while the gate is closed"
    assert '"allowed"' in asked.stdout or '"requirements"' in asked.stdout
    known = shell(fact)
    assert known.returncode == 0 and '"receipt"' in known.stdout, known.stdout + known.stderr
    tracked = next(block for block in blocks("README.md", "sh") if "MLFLOW_REGISTRY_URI" in block)
    client = shell(f'set -e; PATH="{ROOT}/.venv-mlflow2/bin:$PATH"\n{tracked}')
    assert client.returncode == 0, client.stdout + client.stderr
    assert '"results": []' in shell(live).stdout.replace('"results":[]', '"results": []'), "nothing is live yet"


def test_the_manifest_of_the_operations_document_registers(served: str, tmp_path: Path) -> None:
    (manifest,) = blocks("docs/operations.md", "json")
    (tmp_path / "loans.csv").write_text("income,repaid\n1,1\n", encoding="utf-8")
    (tmp_path / "model.bin").write_bytes(b"weights")
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(ROOT / "governance/client/muniment.py"), "register", "-"], cwd=tmp_path,
        env={"MUNIMENT_URL": served, "MUNIMENT_API_KEY": KEYS["pipeline"]}, input=manifest, text=True, timeout=PATIENCE,
        capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].startswith("release ")
