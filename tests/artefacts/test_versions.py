"""A bundle made on one minor version of Python is the same bundle on another, and says the same.

Other interpreters, with NumPy, Polars and LightGBM in them, are those that ASSAY_PYTHONS names, separated as in PATH.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from bundled import bundle
from trained import every_predictor

from assayline.artefacts import Bundle, check_golden, read, write

ROOT = Path(__file__).parents[2]
OTHERS = [one for one in os.environ.get("ASSAY_PYTHONS", "").split(os.pathsep) if one]
READ_AND_WRITE = """
import json, sys
from pathlib import Path
from assayline.artefacts import check_golden, fits_here, read, write
folder, found = Path(sys.argv[1]), {}
for path in sorted(folder.glob("*.assay")):
    one = read(path)
    write(one, folder / "again" / path.name)
    found[path.name] = [one.digest, [difference.sentence for difference in check_golden(one)], [note for note in fits_here(one) if "holds a pickle" in note]]
print(json.dumps(found))
"""

if not OTHERS:
    pytest.skip("NO OTHER PYTHON: ASSAY_PYTHONS names none; bundles are not tried on other minor versions", allow_module_level=True)


def made() -> dict[str, Bundle]:
    return {f"{number}-{one.kind}.assay": bundle(one) for number, one in enumerate(every_predictor())}


@pytest.mark.parametrize("python", OTHERS)
def test_every_kind_of_bundle_is_read_on_another_python_and_written_to_the_same_bytes(python: str, tmp_path: Path) -> None:
    (tmp_path / "again").mkdir()
    digests = {name: write(one, tmp_path / name) for name, one in made().items()}

    done = subprocess.run([python, "-c", READ_AND_WRITE, str(tmp_path)], env=os.environ | {"PYTHONPATH": str(ROOT / "src")}, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr[-2000:]
    assert json.loads(done.stdout) == {name: [digest, [], []] for name, digest in digests.items()}
    for name in digests:
        assert (tmp_path / "again" / name).read_bytes() == (tmp_path / name).read_bytes()
        assert check_golden(read(tmp_path / "again" / name)) == ()
