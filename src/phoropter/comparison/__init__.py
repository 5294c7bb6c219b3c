"""Whether one model is better than another, or only luckier (numpy only)."""
