"""From a folder of images to a model you can trust."""
