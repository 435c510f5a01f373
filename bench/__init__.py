"""The promises, measured: `python -m bench` prints every figure beside its reference from the same run."""
