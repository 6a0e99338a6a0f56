"""AlexNet in PyTorch: the only package that imports torch."""
