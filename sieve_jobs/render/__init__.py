"""Results as text: for people, as JSON, and as a live view at a terminal. Pure but for the live view."""
