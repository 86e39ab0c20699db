"""The part of tf-explain's interface that the programs use, for a machine on which it cannot be installed."""
