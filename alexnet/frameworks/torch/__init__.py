"""AlexNet in PyTorch: the only place that imports torch."""
