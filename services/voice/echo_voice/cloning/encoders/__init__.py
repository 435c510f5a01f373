"""Speaker encoders with gradients, for the objective of training and for judging its results."""
