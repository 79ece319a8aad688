"""Evidence against tampering: the ledger's Merkle tree, its signed checkpoints, and what proves them."""
