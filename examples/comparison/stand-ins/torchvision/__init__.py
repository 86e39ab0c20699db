"""The part of torchvision's interface that the programs use, for a machine whose torchvision does not load."""
