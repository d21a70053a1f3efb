"""Envoy's behaviour as cases: data, and a runner that puts them to the modules that requests use.

`python -m tests.vectors FOLDER` runs any folder of the same shape as `data`.
"""
