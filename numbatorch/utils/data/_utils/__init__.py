"""The parts of the data loader."""
