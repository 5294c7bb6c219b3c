"""Networks and classic models: by name, from a recipe, with or without pretrained weights."""
