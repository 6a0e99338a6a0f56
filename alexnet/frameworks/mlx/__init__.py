"""AlexNet in MLX: the only package that imports it."""
