"""Reconciliation: compare what should be with what is, explain each difference, mend what is safe."""
