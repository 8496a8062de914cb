"""The test suite: pure logic by tables and properties, edges against real sockets, databases and processes."""
