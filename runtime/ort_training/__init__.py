"""Training through ONNX Runtime's own training API, in a process of its own (docs/adr/0010).

`worker.py` is the script that process runs; the other modules are netwright's side.
"""
