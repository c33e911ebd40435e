"""One file per stage, in the order in which sound travels."""
