"""What several tests share: a processor of their own, workers as processes, checks of a log."""
