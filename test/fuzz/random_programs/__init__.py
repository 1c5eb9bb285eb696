"""Random programs of PyTorch's operators: how they are made, and what is made of them."""
