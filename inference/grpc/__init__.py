"""The Open Inference Protocol V2 over gRPC: a process of its own, on the same edge and engine.

`messages` describes what goes over the wire, `calls` turns each call into the request that the V2
door takes over HTTP and its answer back, `server` listens. So key, limits, address rules,
validation, journal and words of refusal are the door's own, and can't differ.
"""
