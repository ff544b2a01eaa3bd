"""The Python API: what the commands do, in the same words. The public names are those of `zkmargin` itself."""
