"""watch: real processes on real files, and the pure parts by tables."""
