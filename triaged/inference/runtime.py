"""Loads ONNX Runtime with its telemetry off; whoever needs the library imports this first. Knows no graphs.

Its builds look up their maker's collector, keep an identifier of the device below the home folder and a database of
events beside it. The variable is read once, while the library is loaded; `disable_telemetry_events` comes too late for
that. It stands here, and not only in unit and image, so that no way to start the daemon can forget it.
"""

import os

os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import onnxruntime

__all__ = ["onnxruntime"]
