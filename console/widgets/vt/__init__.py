"""A video terminal: what a guest writes becomes cells, what a person types becomes bytes."""
