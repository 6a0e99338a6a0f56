"""One command measures a room full of computers: reached over SSH, watched by Dask over TLS."""
