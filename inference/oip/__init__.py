"""The Open Inference Protocol, version 2, over REST: JSON and binary tensors, as Triton speaks it.

`tensors` knows datatypes and bytes, `request` turns a body into a Batch, `answer` turns Outputs
into a body, `encoding` undoes and does compression, `door` puts them together, `metadata`
describes.
"""
