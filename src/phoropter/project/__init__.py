"""The straight line from data to a model, and the folder and notebook that remember it."""
