"""PyTorch's side of a comparison: a process that takes its turn when it is told to.

bench/participant.ts is the other end: one JSON line in (first the assignment, then one per turn), one out.
"""
import json
import resource
import sys
import time

try:
    import torch
except ImportError as error:
    print(json.dumps({"unavailable": f"{sys.executable} cannot import torch: {error}"}), flush=True)
    sys.exit()

import shared
from tasks import TASKS


def say(message):
    print(json.dumps(message), flush=True)


def main():
    assignment = json.loads(sys.stdin.readline())
    task = TASKS.get(assignment["task"])
    if task is None:
        return say({"unavailable": f"the task {assignment['task']} has no PyTorch side"})
    torch.set_num_threads(assignment["threads"])
    device = assignment["device"]
    if device == "cuda" and not torch.cuda.is_available():
        return say({"unavailable": "this PyTorch finds no CUDA device"})
    # Full float32, as all others compute: TF32 keeps ten bits of the mantissa.
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    torch.set_default_device(device)
    shared.VARIANT = assignment["engine"].removeprefix("pytorch").lstrip("-")
    step = task(assignment["settings"], assignment["folder"])
    where = f" on {torch.cuda.get_device_name()}" if device == "cuda" else "" if device == "cpu" else f" on {device}"
    variant = f", {shared.VARIANT}" if shared.VARIANT else ""
    say({"version": f"PyTorch {torch.__version__}{where}{variant}"})
    for _ in sys.stdin:
        cpu, clock = time.process_time(), time.perf_counter()
        try:
            value = step()
        except RuntimeError as error:
            # torch.compile knows no gradient of a gradient, and says so when it is asked for one.
            return say({"unavailable": str(error).splitlines()[0]})
        ms, cpu_ms = (time.perf_counter() - clock) * 1e3, (time.process_time() - cpu) * 1e3
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
        say({"ms": ms, "cpuMs": cpu_ms, "value": value, "peakMiB": peak})


main()
