"""What differs by tracer: one pure module for each of Envoy's, and the table of them.

`standard` is none of them: it follows each format's own specification, and the core does it.
"""
