"""What would be done and why: decisions as pure functions over specs and state."""
