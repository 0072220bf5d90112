"""Training: the loop, optimizer, schedule, average of the weights, processes, resumable state and the log."""
