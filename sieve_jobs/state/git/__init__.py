"""A state on a ref of the project's own git repository: compare-and-swap by push, and a local copy to read from."""
