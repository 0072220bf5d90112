"""The pose-training pipeline and its compiled form."""
