"""Topics, the local stack, images and what an operator installs."""
