"""The same ONNX model behind other servers, one worker each: run by the interpreter of ASSAY_PEERS_PYTHON, see `delivery_online`.

    online_peers.py fastapi|litserve|bentoml|mlserver MODEL.onnx PORT FOLDER

Each is written the way its own guide writes such a server, without what slows it down: no access log, no metrics of its own, no second process where it can do without.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np

COLUMNS = sorted(f"f{at}" for at in range(30))
MODEL = "ASSAY_ONLINE_MODEL"


def session(path: str) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def fastapi(model: str, port: int) -> None:
    import uvicorn
    from fastapi import FastAPI  # type: ignore[import-not-found]  # of the peers' interpreter
    from pydantic import create_model  # type: ignore[import-not-found]  # see above

    runs = session(model)
    Row: Any = create_model("Row", **dict.fromkeys(COLUMNS, (float, ...)))
    app = FastAPI()

    async def predict(row: Row) -> dict[str, float]:
        said = runs.run(["Y"], {"X": np.array([[getattr(row, name) for name in COLUMNS]])})[0]
        return {"score": float(said[0, 1])}

    predict.__annotations__["row"] = Row  # the name is this function's own, and FastAPI looks for it in the module
    app.post("/predict")(predict)
    uvicorn.run(app, port=port, loop="uvloop", http="httptools", access_log=False, log_level="warning")


def litserve(model: str, port: int, folder: Path) -> None:
    # In a file of its own: the server's processes load the class by name.
    (folder / "lit.py").write_text(
        "import os, sys, numpy as np, litserve as ls\nfrom online_peers import COLUMNS, MODEL, session\n"
        "class Trees(ls.LitAPI):\n"
        "    def setup(self, device): self.runs = session(os.environ[MODEL])\n"
        "    def decode_request(self, request): return np.array([[request[name] for name in COLUMNS]])\n"
        "    def predict(self, X): return float(self.runs.run(['Y'], {'X': X})[0][0, 1])\n"
        "    def encode_response(self, score): return {'score': score}\n"
        "if __name__ == '__main__':\n"
        "    server = ls.LitServer(Trees(), accelerator='cpu', workers_per_device=1)\n"
        "    server.run(port=int(sys.argv[1]), num_api_servers=1, generate_client_file=False, log_level='warning')\n"
    )
    _become([sys.executable, str(folder / "lit.py"), str(port)], model, folder)


def bentoml(model: str, port: int, folder: Path) -> None:
    (folder / "service.py").write_text(
        "import os, numpy as np, bentoml\nfrom online_peers import COLUMNS, MODEL, session\n"
        "@bentoml.service(workers=1, metrics={'enabled': False}, logging={'access': {'enabled': False}})\nclass Trees:\n"
        "    def __init__(self): self.runs = session(os.environ[MODEL])\n"
        "    @bentoml.api\n    def predict(self, row: dict[str, float]) -> dict[str, float]:\n"
        "        return {'score': float(self.runs.run(['Y'], {'X': np.array([[row[name] for name in COLUMNS]])})[0][0, 1])}\n"
    )
    _become([sys.executable, "-m", "bentoml", "serve", "service:Trees", "--port", str(port), "--working-dir", str(folder)], model, folder)


def mlserver(model: str, port: int, folder: Path) -> None:
    # parallel_workers 0: the model in the server's own process; with a pool of processes each request is copied twice.
    quiet = {"debug": False, "host": "127.0.0.1", "http_port": port, "grpc_port": port + 1, "metrics_port": port + 2, "parallel_workers": 0}
    (folder / "settings.json").write_text(json.dumps(quiet))
    (folder / "model-settings.json").write_text(json.dumps({"name": "churn", "implementation": "trees.Trees"}))
    (folder / "trees.py").write_text(
        "import os\nfrom mlserver import MLModel\nfrom mlserver.codecs import NumpyCodec\nfrom mlserver.types import InferenceRequest, InferenceResponse\n"
        "from online_peers import MODEL, session\nclass Trees(MLModel):\n"
        "    async def load(self) -> bool:\n        self.runs = session(os.environ[MODEL])\n        return True\n"
        "    async def predict(self, payload: InferenceRequest) -> InferenceResponse:\n"
        "        said = self.runs.run(['Y'], {'X': NumpyCodec.decode_input(payload.inputs[0])})[0]\n"
        "        return InferenceResponse(model_name=self.name, outputs=[NumpyCodec.encode_output('score', said[:, 1:])])\n"
    )
    _become([str(Path(sys.executable).parent / "mlserver"), "start", str(folder)], model, folder)


def _become(command: list[str], model: str, folder: Path) -> None:
    path = os.pathsep.join([str(folder), str(Path(__file__).parent)])
    os.execve(command[0], command, {**os.environ, "PYTHONPATH": path, MODEL: model, "BENTOML_DO_NOT_TRACK": "true"})


if __name__ == "__main__":
    kind, model, port, folder = sys.argv[1], sys.argv[2], int(sys.argv[3]), Path(sys.argv[4])
    if kind == "fastapi":
        fastapi(model, port)
    elif kind == "litserve":
        litserve(model, port, folder)
    elif kind == "bentoml":
        bentoml(model, port, folder)
    else:
        mlserver(model, port, folder)
