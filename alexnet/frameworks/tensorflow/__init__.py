"""AlexNet in TensorFlow and Keras: the only package that imports them."""
