"""From a network and samples to raw outputs and features: the last stage that needs torch."""
