"""The same AlexNet in several frameworks: what is trained, how, and on which images."""
