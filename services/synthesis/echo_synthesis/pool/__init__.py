"""Engine workers and the fair queue before them."""
