"""The stand-alone verifier; copy dispatch_verify.py to wherever it is needed."""
