"""The frameworks that can train AlexNet, one folder each, behind one protocol."""
