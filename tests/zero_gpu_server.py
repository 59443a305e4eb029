"""`app.py` as a ZeroGPU Space runs it, with a CPU in the GPU's place: `python zero_gpu_server.py LOG [options]`.

Real: the `spaces` package with its patched torch, the scheduling over HTTP, the fork for every GPU task, and all that
is pickled between the two processes. Not real: the service that lends the GPUs, which here lends one to everybody and
writes what it was asked for to LOG, a line of JSON each; and the way of the weights to CUDA, which are put back where
they lie on the CPU.
"""

import json
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

LENT = {"idle": False, "nvidiaIndex": 0, "nvidiaUUID": "none", "allowToken": "token"}


class Lender(BaseHTTPRequestHandler):
    """The service that a Space asks for GPUs (the calls of `spaces.zero.api`)."""

    log: Path

    def do_POST(self) -> None:
        """Say yes, and write down what was asked."""
        asked = urlsplit(self.path)
        with self.log.open("a") as file:
            file.write(json.dumps({"call": asked.path, **dict(parse_qsl(asked.query))}) + "\n")
        answer = json.dumps(LENT).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        """Nothing on standard error."""


def main() -> None:
    """Serve until interrupted."""
    Lender.log = Path(sys.argv.pop(1))
    lender = ThreadingHTTPServer(("127.0.0.1", 0), Lender)
    threading.Thread(target=lender.serve_forever, daemon=True).start()
    # Before `spaces` is imported, as on a Space.
    os.environ["SPACES_ZERO_GPU"] = "true"
    os.environ["SPACES_ZERO_DEVICE_API_URL"] = f"http://127.0.0.1:{lender.server_port}"
    import torch

    # What `spaces` looks for in torch when it is imported, and a build for CPUs lacks.
    if torch.version.cuda is None:
        torch.version.cuda = "12.8"
        torch._C._cuda_init = lambda: None
        torch.cuda._is_in_bad_fork = bool
    import spaces.zero

    def put_back(callback: object = None) -> None:
        for fake, original in spaces.zero.torch._patching.cuda_aliases.items():
            fake.data = original

    spaces.zero.torch.pack = lambda: 0
    spaces.zero.torch.init = lambda uuid: None
    spaces.zero.torch.move = put_back
    sys.path.insert(0, str(Path(__file__).parents[1]))
    import app

    app.main()


if __name__ == "__main__":
    main()
