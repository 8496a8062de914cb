"""Hangs in native code that holds the interpreter's lock: no thread of Python runs meanwhile, no signal is heard."""

import ctypes

import sieve


@sieve.function(name="hangs", restart_on_error=False)
def hangs(a: int):
    library = ctypes.PyDLL(None)
    mutex = ctypes.create_string_buffer(256)
    library.pthread_mutex_lock(mutex)
    library.pthread_mutex_lock(mutex)
