"""One file a format: raw bytes in, articles out."""
