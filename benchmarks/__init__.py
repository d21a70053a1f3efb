"""What tracing costs, measured beside the same program without it: `python -m benchmarks -h`."""
