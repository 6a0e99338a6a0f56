"""What plots are drawn with: style, colours, panels and marks."""
