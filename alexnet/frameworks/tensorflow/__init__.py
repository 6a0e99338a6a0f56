"""AlexNet in TensorFlow and Keras: the only place that imports them."""
