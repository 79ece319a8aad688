"""What people have paused: a stage, a provider, a batch, the intake, or everything."""
